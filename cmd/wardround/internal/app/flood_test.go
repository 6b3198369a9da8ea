package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// flood serves pages of metrics, all of them well-formed, as fast as they are taken: /ID/SIZE has so many bytes.
func flood(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var name string
		var size int
		_, err := fmt.Sscanf(strings.ReplaceAll(r.URL.Path, "/", " "), "%s %d", &name, &size)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		out := bufio.NewWriterSize(w, 64<<10)
		for written, n := 0, 0; written < size; n++ {
			line, err := fmt.Fprintf(out, "%s{code=\"200\",method=\"GET\",protocol=\"http\",service=\"clinic-%d@file\"} 7\n", name, n)
			if err != nil {
				return // whoever asked has heard enough
			}
			written += line
		}
		_ = out.Flush()
	}))
	ctx := t.Context()
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// A busy machine takes long to read 64 MiB four times at once.
const floodConfiguration = `
rounds: {interval: 20s, timeout: 19s, stale_after: 2}
targets:
  redis: [{name: cache, address: 'REDIS'}]
  scrape:
    - {name: small, urls: ['FLOOD/partner_calls_total/1000'], families: [{names: ['partner_*'], labels: [service]}]}
    - {name: large, urls: ['FLOOD/partner_calls_total/100000000'], families: [{names: ['partner_*'], labels: [service]}]}
    - {name: endless, urls: ['FLOOD/partner_calls_total/1000000000000'], families: [{names: ['partner_*'], labels: [service]}]}
  traefik:
    - {name: edge-large, url: 'FLOOD/traefik_service_requests_total/100000000'}
    - {name: edge-endless, url: 'FLOOD/traefik_service_requests_total/1000000000000'}
`

// TestPagesThatAreTooLarge has others serve 100 MB, and what never ends, to a whole daemon with the limits that it has
// by itself. It says so once of each, visits all others as ever, and needs no more memory than a few pages may have.
func TestPagesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	port, err := platform.FreePort(t.Context())
	require.NoError(t, err)
	dir, address := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", port)
	text := strings.NewReplacer("REDIS", cache.Addr(), "FLOOD", flood(t)).Replace(floodConfiguration)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wardround.yaml"), []byte(text), 0o600))
	log := &logbook{}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve",
		"--config.file="+filepath.Join(dir, "wardround.yaml"), "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"=yes"), log
	require.NoError(t, cmd.Start())

	tooLarge := []string{"scrape/large", "scrape/endless", "traefik/edge-large", "traefik/edge-endless"}
	others := []string{"small", "cache"}
	var p page
	eventually(t, "each is refused twice, and all others are visited twice", func() bool {
		status, _ := fetch(t, http.MethodGet, "http://"+address+"/-/ready")
		if status != http.StatusOK {
			return false
		}
		p = scrape(t, "http://"+address)
		for _, key := range tooLarge {
			_, target, _ := strings.Cut(key, "/")
			if sum(p.all("wardround_collector_errors_total", "target", target, "reason", "protocol")) < 2 {
				return false
			}
		}
		for _, target := range others {
			if sum(p.all("wardround_collector_visits_total", "target", target, "outcome", "success")) < 2 {
				return false
			}
		}
		return true
	})
	for _, target := range others {
		require.True(t, p.is(0, "wardround_collector_visits_total", "target", target, "outcome", "failure"), target)
	}
	require.Len(t, p.all("partner_calls_total", "target", "small"), len(p["partner_calls_total"]), "nothing of what is too large")
	heap, _ := p.value("go_memstats_heap_sys_bytes") // that it ever had of the system
	t.Logf("%.0f MB of heap at most", heap/1e6)
	require.Less(t, heap, 400e6, "the systemd unit allows it 512 MB")

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "%s", log)
	for _, key := range tooLarge {
		said, slow := log.times("visit failed", "visit="+key, "67108864"), log.times("visit failed", "visit="+key, "reason=timeout")
		require.Positive(t, said, "%s", log)
		require.LessOrEqual(t, said, 1+slow, "once, and again after what is another trouble: %s", log)
	}
}
