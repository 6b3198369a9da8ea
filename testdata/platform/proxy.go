package platform

import (
	"encoding/json"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Wire is a TCP proxy in front of a server, on which a test puts faults.
type Wire struct {
	proxy *toxiproxy.Proxy
	t     testing.TB
	held  int // the socket that keeps the port while the wire is cut
}

// IgnoreWires is for those who look for goroutines that outlived the tests, of which proxies have two
// kinds: one begins a moment after the proxy does, and may not be there yet when somebody looks what
// was running before; others may wait for ever to hand on what was on its way when a fault came.
func IgnoreWires() []goleak.Option {
	const proxy = "github.com/Shopify/toxiproxy/v2"
	return []goleak.Option{
		goleak.IgnoreAnyFunction(proxy + ".(*Proxy).freeBlocker"),
		goleak.IgnoreAnyFunction(proxy + ".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(proxy + ".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(proxy + "/toxics.(*ToxicStub).Run"),
	}
}

// Proxy starts a Wire to upstream (host:port); it ends with the test.
func Proxy(t testing.TB, upstream string) *Wire {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &Wire{t: t, proxy: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream), held: none}
	require.NoError(t, w.proxy.Start())
	t.Cleanup(func() { w.proxy.Stop(); w.release() })
	return w
}

// Addr returns the proxy's host:port.
func (w *Wire) Addr() string { return w.proxy.Listen }

// Latency delays every answer.
func (w *Wire) Latency(d time.Duration) {
	w.add("latency", map[string]any{"latency": d.Milliseconds()})
}

// Hang swallows every answer, on open connections too; new ones are accepted and
// stay silent.
func (w *Wire) Hang() { w.add("timeout", map[string]any{"timeout": 0}) }

// Reset breaks every connection with a TCP reset as soon as something is sent.
func (w *Wire) Reset() { w.add("reset_peer", map[string]any{"timeout": 0}) }

// Heal takes all faults away. Connections that were hanging are closed.
func (w *Wire) Heal() { w.proxy.Toxics.ResetToxics(w.t.Context()) }

// Cut closes all connections and refuses new ones until Mend.
func (w *Wire) Cut() {
	w.t.Helper()
	w.proxy.Stop()
	w.hold()
}

// Mend accepts connections again, on the same address.
func (w *Wire) Mend() {
	w.t.Helper()
	require.NoError(w.t, w.proxy.Start())
	w.release()
}

// none is no socket.
const none = -1

// hold keeps the port by a socket on which nobody listens: the kernel would otherwise give it to the
// next listener that asks for any, and Mend would find it taken.
func (w *Wire) hold() {
	w.t.Helper()
	if w.held != none {
		return
	}
	at, err := netip.ParseAddrPort(w.Addr())
	require.NoError(w.t, err)
	w.held, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(w.t, err)
	require.NoError(w.t, syscall.SetsockoptInt(w.held, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1), "the proxy is to listen beside it")
	require.NoError(w.t, syscall.Bind(w.held, &syscall.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}))
}

func (w *Wire) release() {
	if w.held != none {
		_ = syscall.Close(w.held)
		w.held = none
	}
}

func (w *Wire) add(kind string, attributes map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "attributes": attributes})
	require.NoError(w.t, err)
	_, err = w.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	require.NoError(w.t, err)
}
