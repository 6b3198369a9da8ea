package tls

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

func TestSuite(t *testing.T) {
	top := root(t)
	certificate := below(t, top).issue(t, order{})
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		Canaries:  []string{"CANARY"},
		Want: []string{
			"tls_handshake_success", "tls_handshake_duration_seconds", "tls_certificate_valid", "tls_certificate_ok", "tls_certificate_info",
			"tls_certificate_not_after_timestamp_seconds", "tls_certificate_not_before_timestamp_seconds", "tls_chain_earliest_not_after_timestamp_seconds",
			"probe_ssl_last_chain_expiry_timestamp_seconds", "probe_tls_version_info", "probe_tls_cipher_info", "tls_ocsp_stapled", "tls_last_look_timestamp_seconds", "tls_hosts",
		},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			return atNorth(t, configFor(serve(t, with(certificate)), top.file(t))).Visit()
		},
		Broken: map[string]collectortest.Broken{
			"authorities gone": {Reason: collectors.ReasonMissing, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
				c := configFor(serve(t, with(certificate)), top.file(t))
				made := atNorth(t, c)
				require.NoError(t, os.Remove(c.CAFile))
				return made.Visit()
			}},
		},
	})
}

// TestHostsAndTheirTenants has several tenants behind one address, told apart by name alone.
func TestHostsAndTheirTenants(t *testing.T) {
	top := root(t)
	middle := below(t, top)
	e := serve(t, with(middle.issue(t, order{}), middle.issue(t, order{names: []string{"south.example.test"}, to: 40 * day})))
	c := configFor(e, top.file(t))
	c.Hosts = []string{"status.example.test", north}
	c.Tenants = "north|south|staging.*"
	made := target(t, c, map[string][]string{
		"north": {"North.example.test"}, "south": {"south.example.test", "*.south.example.test"}, "staging_north": {"staging.example.test"}, "west": {"west.example.test"},
	})
	batch := collect(t, made)
	requireValue(t, batch, 3, "tls_hosts")
	requireValue(t, batch, 0, "tls_hosts_unseen")
	requireValue(t, batch, 1, "tls_certificate_valid", "tenant", "north", "host", north)
	requireValue(t, batch, 1, "tls_certificate_valid", "tenant", "south", "host", "south.example.test")
	requireValue(t, batch, 0, "tls_certificate_valid", "tenant", "", "host", "status.example.test")
	for _, host := range []string{"west.example.test", "staging.example.test", "*.south.example.test"} {
		_, asked := e.asked.Load(host)
		require.False(t, asked, host)
	}

	made.tenants.Replace(tenantsOf(t, map[string][]string{"south": {"south.example.test"}}).Current())
	require.False(t, made.Unchanged(time.Now()), "a tenant went")
	batch = collect(t, made)
	_, there := value(batch, "tls_certificate_valid", "tenant", "north")
	require.False(t, there)
	requireValue(t, batch, 1, "tls_certificate_valid", "tenant", "", "host", north) // it is a host of its own now
	require.NotEmpty(t, batch.Findings)
}

// TestLooksOnlyWhenDue counts handshakes.
func TestLooksOnlyWhenDue(t *testing.T) {
	top := root(t)
	certificate := below(t, top).issue(t, order{})
	var looks atomic.Int64
	settings := with(certificate)
	settings.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		looks.Add(1)
		return &certificate, nil
	}
	settings.Certificates = nil
	made := atNorth(t, configFor(serve(t, settings), top.file(t)))
	require.False(t, made.Unchanged(time.Now()), "never looked at")
	first := collect(t, made)
	require.EqualValues(t, 1, looks.Load())
	require.True(t, made.Unchanged(time.Now()))
	second := collect(t, made)
	require.EqualValues(t, 1, looks.Load(), "not due")
	require.Equal(t, page(first), page(second), "what was seen is said again")

	due := made.hosts[north].due
	require.WithinRange(t, due, time.Now(), time.Now().Add(time.Hour))
	require.False(t, made.Unchanged(due))
	b := collectors.NewBuilder(made.Visit().Key, due)
	require.NoError(t, made.Collect(t.Context(), b))
	require.EqualValues(t, 2, looks.Load())
}

func TestNext(t *testing.T) {
	top := root(t)
	made := atNorth(t, configFor(listen(t, func(*edge, net.Conn) {}), top.file(t)))
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	next := func(failed int, holds time.Time) time.Duration {
		return made.next(&host{name: north, seen: &sight{at: at, holds: holds}, failed: failed}).Sub(at)
	}
	place := next(0, at.AddDate(1, 0, 0))
	require.Positive(t, place)
	require.LessOrEqual(t, place, time.Hour)
	require.Equal(t, place, next(0, at.AddDate(2, 0, 0)), "at its own place in the hour")
	require.NotEqual(t, place, made.next(&host{name: "south.example.test", seen: &sight{at: at}}).Sub(at), "not all at once")
	require.Equal(t, time.Second, next(0, at.Add(time.Second)), "when it ends")
	require.Equal(t, time.Minute, next(1, time.Time{}))
	require.Equal(t, 4*time.Minute, next(3, time.Time{}))
	require.Equal(t, 15*time.Minute, next(9, time.Time{}), "a quarter of the interval at most")
}

// TestRenewed is a certificate that had ended and is replaced: it is seen at the next retry.
func TestRenewed(t *testing.T) {
	top := root(t)
	middle := below(t, top)
	var served atomic.Pointer[tls.Certificate]
	settings := with()
	settings.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return served.Load(), nil }
	old, renewed := middle.issue(t, order{from: -91 * day, to: -day}), middle.issue(t, order{})
	served.Store(&old)
	made := atNorth(t, configFor(serve(t, settings), top.file(t)))
	requireValue(t, collect(t, made), 0, "tls_certificate_valid")
	served.Store(&renewed)
	retry := time.Now().Add(time.Minute)
	require.False(t, made.Unchanged(retry))
	b := collectors.NewBuilder(made.Visit().Key, retry)
	require.NoError(t, made.Collect(t.Context(), b))
	requireValue(t, b.Batch(), 1, "tls_certificate_valid")
	require.Empty(t, b.Batch().Findings)
	require.Zero(t, made.hosts[north].failed)
}

// TestTarpitsDelayNobody has more hosts that never answer than there is time for: the round ends in
// time, and those that were not reached come first in the next.
func TestTarpitsDelayNobody(t *testing.T) {
	top := root(t)
	e := listen(t, func(_ *edge, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	c := configFor(e, top.file(t))
	c.Timeout, c.Concurrency = model.Duration(400*time.Millisecond), 2
	hosts := map[string][]string{}
	for i := range 10 {
		hosts[fmt.Sprintf("t%d", i)] = []string{fmt.Sprintf("t%d.example.test", i)}
	}
	made := target(t, c, hosts)
	ctx, cancel := context.WithTimeout(t.Context(), 1550*time.Millisecond) // three looks after each other, and a busy machine's delays
	defer cancel()
	b := collectors.NewBuilder(made.Visit().Key, time.Now())
	require.NoError(t, made.Collect(ctx, b), "in time")
	unseen, _ := value(b.Batch(), "tls_hosts_unseen")
	require.Positive(t, unseen)
	require.Less(t, unseen, 10.0)
	require.False(t, made.Unchanged(time.Now()), "the others are due")
	collect(t, made)
	for name, h := range made.hosts {
		require.NotNil(t, h.seen, name)
		require.Equal(t, 1, h.failed, "%s: nobody is looked at twice before all were", name)
	}
}

func TestThoseWhoWaitLongestComeFirst(t *testing.T) {
	now := time.Now()
	made := &Target{hosts: map[string]*host{
		"a": {name: "a", due: now}, "b": {name: "b", due: now.Add(-time.Hour)}, "c": {name: "c", due: now.Add(-time.Minute)}, "d": {name: "d", due: now.Add(1)},
	}}
	var names []string
	for _, h := range made.due(now) {
		names = append(names, h.name)
	}
	require.Equal(t, []string{"b", "c", "a"}, names)
}

// TestPeer holds what was said of each metric of blackbox_exporter against the catalogue.
func TestPeer(t *testing.T) { collectortest.Peers(t, "peer.yaml", Metrics()) }

// TestCutShort is a visit that is cancelled while it looks: that says nothing about the host.
func TestCutShort(t *testing.T) {
	top := root(t)
	e := listen(t, func(_ *edge, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	made := atNorth(t, configFor(e, top.file(t)))
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
	require.ErrorIs(t, made.Collect(ctx, collectors.NewBuilder(made.Visit().Key, time.Now())), context.Canceled)
	require.Nil(t, made.hosts[north].seen)
}

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want string // "" where it is valid
	}{
		"plain":          {"{name: edge}", ""},
		"full":           {"{name: edge, address: '10.0.0.1:443', ca_file: /ca.pem, tenants: 'a.*', hosts: [status.example.test], interval: 30m, retry: 5m, timeout: 2s, concurrency: 2, warning: 20d, critical: 5d}", ""},
		"no name":        {"{}", "name: give the target a name"},
		"no port":        {"{name: edge, address: edge}", `address: "edge" is not host:port`},
		"odd port":       {"{name: edge, port: 0}", "port: is 0"},
		"odd pattern":    {"{name: edge, tenants: '('}", "tenants: is not a regular expression"},
		"host with port": {"{name: edge, hosts: ['a:443']}", `hosts: "a:443" is not a host name`},
		"wildcard":       {"{name: edge, hosts: ['*.a.test']}", `hosts: "*.a.test" is not a host name`},
		"no looks":       {"{name: edge, concurrency: 0}", "concurrency: is 0"},
		"no timeout":     {"{name: edge, timeout: 0s}", "timeout: is 0s"},
		"hasty":          {"{name: edge, retry: 1s}", "retry: is 1s"},
		"backwards":      {"{name: edge, interval: 30s}", "interval: is 30s"},
		"odd limits":     {"{name: edge, warning: 1d}", "warning: is 1d"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed := DefaultConfig()
			require.NoError(t, yaml.Unmarshal([]byte(c.yaml), &parsed))
			err := parsed.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestNewNamesWhatItCannotUse(t *testing.T) {
	c := DefaultConfig()
	c.Name = "edge"
	_, err := New(c, Options{})
	require.ErrorContains(t, err, "Options.Tenants is required")
	c.CAFile = filepath.Join(t.TempDir(), "missing")
	_, err = New(c, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "ca_file: read the authorities: open "+c.CAFile)
	require.NoError(t, os.WriteFile(c.CAFile, []byte("nothing"), 0o600))
	_, err = New(c, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "there is no certificate in the file")
	_, err = New(Config{}, Options{Tenants: collectors.NewRegistry()})
	require.ErrorContains(t, err, "name: give the target a name")
}

// BenchmarkRound looks at 200 hosts, and then says again what it saw.
func BenchmarkRound(b *testing.B) {
	top := root(b)
	e := serve(b, with(below(b, top).issue(b, order{names: []string{"*.example.test"}})))
	hosts := map[string][]string{}
	for i := range 200 {
		hosts[fmt.Sprintf("t%d", i)] = []string{fmt.Sprintf("t%d.example.test", i)}
	}
	made := target(b, configFor(e, top.file(b)), hosts)
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			clear(made.hosts)
			made.settled = nil
			collect(b, made)
		}
	})
	b.Run("rest", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.True(b, made.Unchanged(made.hosts["t1.example.test"].seen.at))
		}
	})
}
