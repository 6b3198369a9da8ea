package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/ledger"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// process is the daemon as a process of its own.
type process struct {
	*platform.Server
	*daemon
}

// serve begins the daemon as a process of its own, which ends with the test.
func (s *stage) serve(environment ...string) *process {
	s.t.Helper()
	port, err := platform.FreePort(s.t.Context())
	require.NoError(s.t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	server, err := platform.StartProgram(s.t.Context(), platform.Program{
		Place: platform.Place{Port: port}, Name: "wardround", Path: os.Args[0], Ready: "/-/ready",
		Args: []string{
			"serve", "--config.file=" + s.configure(), "--storage.path=" + filepath.Join(s.dir, "data"),
			"--web.listen-address=" + address,
		},
		Env: append([]string{childEnv + "=yes"}, environment...),
	})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, server.Remove()) })
	return &process{server, &daemon{t: s.t, url: "http://" + address}}
}

func (p *process) said() string {
	text, err := os.ReadFile(p.LogFile())
	require.NoError(p.t, err)
	return string(text)
}

// TestRestarts ends the daemon in order and by kill -9. What was shown as counted is still counted
// afterwards, and alerts are those that they were.
func TestRestarts(t *testing.T) {
	t.Parallel()
	s := newStage(t, "restart",
		patient{name: "north", series: seeds.Series18},
		patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
	)
	d := s.serve()
	const overdue = "scheduled-tasks-on-time restart_cedar"
	eventually(t, "an alert fires", func() bool {
		_, there := firingSince(t, "restart_cedar", "scheduled-tasks-on-time", "page")
		return there && d.promises()[overdue].Bad >= 2
	})
	since, _ := firingSince(t, "restart_cedar", "scheduled-tasks-on-time", "page")
	for _, way := range []struct {
		name string
		end  func() error
	}{{"in order", func() error { return d.Server.Stop() }}, {"killed", func() error { return d.Kill() }}} {
		t.Run(way.name, func(t *testing.T) {
			before := d.promises()
			require.NoError(t, way.end())
			require.NoError(t, d.Server.Start(t.Context()))
			eventually(t, "promises are judged again", func() bool { return len(d.promises()) >= len(before) })
			after := d.promises()
			for instance, was := range before {
				require.GreaterOrEqual(t, after[instance].Good, was.Good, instance)
				require.GreaterOrEqual(t, after[instance].Bad, was.Bad, instance)
			}
			eventually(t, "it goes on counting", func() bool { return d.promises()[overdue].Bad > before[overdue].Bad })
			now, there := firingSince(t, "restart_cedar", "scheduled-tasks-on-time", "page")
			require.True(t, there)
			require.Equal(t, since, now, "the alert is the same")
		})
	}
	require.NotContains(t, d.said(), "level=ERROR")
	require.Equal(t, 1, strings.Count(d.said(), "msg=stopping"), "the first end was in order")
}

// TestLongDowntime starts a daemon days after its ledger ended: it says what it doubts.
func TestLongDowntime(t *testing.T) {
	t.Parallel()
	s := newStage(t, "downtime")
	book, err := ledger.Open(filepath.Join(s.dir, "data"), ledger.DefaultOptions())
	require.NoError(t, err)
	ended := time.Now().Add(-2 * slo.Day)
	require.NoError(t, book.Append(ended, nil))
	require.NoError(t, book.Close())
	d := s.start()
	within(t, 2*time.Minute, "two days may have been skipped", func() bool {
		skipped, _ := d.page().value("wardround_ledger_skipped_seconds")
		return skipped > (2*slo.Day-time.Hour).Seconds() && skipped < time.Since(ended).Seconds()
	})
}

// TestHangup reads the configuration again at SIGHUP, as POST /-/reload does.
func TestHangup(t *testing.T) {
	t.Parallel()
	s := newStage(t, "hangup", patient{name: "north", series: seeds.Series18})
	d := s.serve()
	s.write("wardround.yaml", s.config()+"\nnonsense: true\n")
	require.NoError(t, syscall.Kill(d.PID(), syscall.SIGHUP))
	eventually(t, "the bad file is refused", func() bool { return d.page().is(0, "wardround_config_last_reload_successful") })
	require.Contains(t, d.said(), `unknown key \"nonsense\"`)
	s.configure()
	require.NoError(t, syscall.Kill(d.PID(), syscall.SIGHUP))
	eventually(t, "the good file is taken", func() bool { return d.page().is(1, "wardround_config_last_reload_successful") })
	status, _ := fetch(t, http.MethodGet, d.url+"/-/healthy")
	require.Equal(t, http.StatusOK, status)
}
