package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
	"github.com/wardround/wardround/testdata/platform"
)

// victim is a daemon that watches one Redis and breaks one promise with every visit, and that is
// killed again and again on the same storage.
type victim struct {
	t      *testing.T
	redis  *goredis.Client
	args   []string
	data   string
	daemon *daemon // the API, while one lives

	visits int64     // that Redis had when the last life ended
	tally  slo.Tally // that was on record then
	page   *alert    // as it was first seen
}

const killedPromise = `
name: never-kept
question: healthy
title: Never kept
description: A promise that every visit breaks.
owner: nobody
by: [target]
indicator: {threshold: {metric: redis_up, op: ==, value: 0}}
targets: 99%
`

func newVictim(t *testing.T) *victim {
	t.Helper()
	server, err := platform.StartRedis(t.Context(), platform.RedisOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Remove()) })
	port, err := platform.FreePort(t.Context())
	require.NoError(t, err)
	dir, address := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", port)
	configuration := fmt.Sprintf(`
rounds: {interval: 5s, timeout: 4s, stale_after: 2}
targets: {redis: [{name: killed, address: '%s'}]}
objectives: {files: [never-kept.yaml]}
alertmanager: {urls: ['%s'], resend_delay: 5s}
`, server.Addr(), alertmanager.URL())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wardround.yaml"), []byte(configuration), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "never-kept.yaml"), []byte(killedPromise), 0o600))
	v := &victim{
		t: t, data: filepath.Join(dir, "data"), daemon: &daemon{t: t, url: "http://" + address},
		redis: goredis.NewClient(&goredis.Options{Addr: server.Addr(), PoolSize: 1}),
		args:  []string{"serve", "--config.file=" + filepath.Join(dir, "wardround.yaml"), "--storage.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address},
	}
	t.Cleanup(func() { require.NoError(t, v.redis.Close()) })
	return v
}

// begin starts the daemon; end kills it, if it must, and says how it ended.
func (v *victim) begin() (end func(syscall.Signal) error) {
	v.t.Helper()
	ctx, cancel := context.WithCancel(v.t.Context())
	v.t.Cleanup(cancel)
	log := &logbook{}
	cmd := exec.CommandContext(ctx, os.Args[0], v.args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"=yes"), log
	require.NoError(v.t, cmd.Start())
	return func(how syscall.Signal) error {
		require.NoError(v.t, cmd.Process.Signal(how), "it ended by itself: %s", log)
		err := cmd.Wait()
		cancel()
		require.Zero(v.t, log.times("level=ERROR"), "%s", log)
		return err
	}
}

// shown is what a living daemon says of the promise; nothing while it cannot be asked. Its page
// began when it first did.
func (v *victim) shown() (p promise) {
	v.t.Helper()
	var answer struct {
		Instances []promise
		Alerts    []struct {
			Labels map[string]string
			Starts time.Time `json:"starts_at"`
		}
	}
	for _, path := range []string{"/api/v1/instances?objective=never-kept", "/api/v1/alerts?objective=never-kept&severity=page"} {
		status, body := fetch(v.t, http.MethodGet, v.daemon.url+path)
		if status != http.StatusOK {
			return p
		}
		require.NoError(v.t, json.Unmarshal([]byte(body), &answer))
	}
	for _, a := range answer.Alerts {
		if v.page != nil && a.Labels["long_window"] == v.page.Labels["long_window"] {
			require.Equal(v.t, v.page.StartsAt.UnixMilli(), a.Starts.UnixMilli(), "the page is another one")
		}
	}
	for _, i := range answer.Instances {
		p = i
	}
	return p
}

// visited is how often Redis was visited: every visit asks once how long its slow log is.
func (v *victim) visited() (n int64) {
	v.t.Helper()
	text, err := v.redis.Info(v.t.Context(), "commandstats").Result()
	require.NoError(v.t, err)
	if _, rest, asked := strings.Cut(text, "cmdstat_slowlog|len:calls="); asked {
		_, err = fmt.Sscanf(rest, "%d", &n)
		require.NoError(v.t, err)
	}
	return n
}

// examine opens what a dead daemon left. Whatever it had shown is on record; no visit of this life
// is on record twice, and nothing of the lives before is lost.
func (v *victim) examine(shown promise) {
	t := v.t
	t.Helper()
	if _, err := os.Stat(filepath.Join(v.data, "ledger.db")); os.IsNotExist(err) {
		return // it was killed before it made one
	}
	book, err := ledger.Open(v.data, ledger.Options{Retention: ledger.DefaultOptions().Retention, ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, book.Close()) }()
	report, err := book.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
	now, err := book.Sum(slo.NewInstance("never-kept", slo.Label{Name: "target", Value: "killed"}), time.Unix(0, 0), book.Through())
	require.NoError(t, err)
	visits := v.visited()
	require.Zero(t, now.Good)
	require.GreaterOrEqual(t, now.Bad, max(v.tally.Bad, shown.Bad), "what was shown is lost")
	require.GreaterOrEqual(t, now.Measured, v.tally.Measured, "a minute is lost")
	require.LessOrEqual(t, now.Bad-v.tally.Bad, uint64(visits-v.visits), "a visit is counted twice")
	v.visits, v.tally = visits, now

	file, err := os.Open(filepath.Join(v.data, evidence.FileName))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	chain, err := evidence.Verify(file)
	require.NoError(t, err)
	require.True(t, chain.Whole(), "%v", chain.Faults)
}

// paged wants at most one page at Alertmanager, and always the same.
func (v *victim) paged() bool {
	v.t.Helper()
	var all []alert
	for _, a := range alerts(v.t) {
		if a.Labels["objective"] == "never-kept" && a.Labels["severity"] == "page" && a.Labels["long_window"] == "1h" {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return false
	}
	require.Len(v.t, all, 1, "one page for one fault")
	if v.page == nil {
		v.page = &all[0]
	}
	require.Equal(v.t, v.page.Fingerprint, all[0].Fingerprint)
	require.Equal(v.t, v.page.StartsAt, all[0].StartsAt)
	return true
}

// TestKilledAgainAndAgain kills the daemon forty times while a promise burns: three times at any
// moment of its start, then around the instant at which it writes, judges and pushes.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	end := v.begin()
	eventually(t, "the promise burns", func() bool { return v.paged() && v.shown().Bad >= 2 })
	shown := v.shown()
	require.Error(t, end(syscall.SIGKILL))
	v.examine(shown)
	for n := range 39 {
		end := v.begin()
		then := time.Duration(rand.Int64N(int64(700 * time.Millisecond)))
		if n%4 == 3 {
			writes := time.Now().Truncate(interval).Add(interval)
			then = time.Until(writes) + time.Duration(rand.Int64N(int64(120*time.Millisecond))) - 30*time.Millisecond
		}
		<-time.After(then)
		shown := v.shown()
		require.Error(t, end(syscall.SIGKILL), "kill %d", n)
		v.examine(shown)
		v.paged()
	}
	before := v.tally
	end = v.begin()
	eventually(t, "it goes on where it was", func() bool { return v.shown().Bad > before.Bad && v.paged() })
	require.NoError(t, end(syscall.SIGTERM))
	v.examine(promise{})
	t.Logf("%d visits, %d of them on record in %d minutes after 40 kills", v.visits, v.tally.Bad, v.tally.Measured)
}
