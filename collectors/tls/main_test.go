package tls

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// north is the host that the tests' certificates are for.
const north = "north.example.test"

// edge is a server on loopback.
type edge struct {
	net.Listener
	open  atomic.Int64 // connections
	asked sync.Map     // names, by SNI
}

// listen starts a server that treats each connection as told, until the test ends.
func listen(t testing.TB, treat func(e *edge, conn net.Conn)) *edge {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &edge{Listener: listener}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.open.Add(1)
			running.Go(func() {
				defer e.open.Add(-1)
				defer conn.Close()
				treat(e, conn)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		running.Wait()
	})
	return e
}

// serve starts a TLS server; it hangs up after the handshake once the other side does.
func serve(t testing.TB, settings *tls.Config) *edge {
	t.Helper()
	return listen(t, func(e *edge, conn net.Conn) {
		c := settings.Clone()
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			e.asked.Store(hello.ServerName, true)
			return nil, nil
		}
		server := tls.Server(conn, c)
		if server.HandshakeContext(context.WithoutCancel(t.Context())) == nil {
			_, _ = server.Read(make([]byte, 1))
		}
	})
}

func with(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}
}

func tenantsOf(t testing.TB, hosts map[string][]string) *collectors.Registry {
	t.Helper()
	var list []collectors.Tenant
	for name, of := range hosts {
		list = append(list, collectors.Tenant{Name: name, Postgres: "main", Database: name, Hosts: of, Staging: strings.HasPrefix(name, "staging")})
	}
	set, err := collectors.NewTenants(list)
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(set)
	return registry
}

func configFor(e *edge, ca string) Config {
	c := DefaultConfig()
	c.Name, c.Address, c.CAFile = "edge", e.Addr().String(), ca
	c.Timeout = model.Duration(2 * time.Second)
	return c
}

func target(t testing.TB, c Config, hosts map[string][]string) *Target {
	t.Helper()
	made, err := New(c, Options{Tenants: tenantsOf(t, hosts)})
	require.NoError(t, err)
	return made
}

// atNorth looks at one host of one tenant.
func atNorth(t testing.TB, c Config) *Target {
	return target(t, c, map[string][]string{"north": {north}})
}

func collect(t testing.TB, of *Target) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(of.Visit().Key, time.Now())
	require.NoError(t, of.Collect(t.Context(), b))
	return b.Batch()
}

func page(b *collectors.Batch) string { return string(collectortest.Text(b)) }

func value(b *collectors.Batch, family string, labels ...string) (float64, bool) {
	var found []float64
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) {
		for i := 0; i < len(labels); i += 2 {
			if s.Get(labels[i]) != labels[i+1] {
				return
			}
		}
		found = append(found, s.Value())
	})
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

func requireValue(t testing.TB, b *collectors.Batch, want float64, family string, labels ...string) {
	t.Helper()
	got, ok := value(b, family, labels...)
	require.True(t, ok, "%s%v is not there once:\n%s", family, labels, page(b))
	require.Equal(t, want, got, "%s%v", family, labels)
}

// reasons are the values of a label in a family.
func reasons(b *collectors.Batch, family string) []string {
	var all []string
	b.Each(func(f string) bool { return f == family }, func(s collectors.Series) { all = append(all, s.Get("reason")) })
	return all
}

func findings(b *collectors.Batch) []string {
	var all []string
	for _, f := range b.Findings {
		all = append(all, strings.Join([]string{f.Tenant, f.Name, string(f.Question), string(f.Severity) + ":", f.Text}, " "))
	}
	return all
}
