package web

import (
	"context"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestABrowserShowsThePages asks a real browser: it is the judge of what the content security
// policy lets through; no script is, so that what it shows needs none.
func TestABrowserShowsThePages(t *testing.T) {
	server := httptest.NewServer(handler(t, nil))
	defer server.Close()
	for path, says := range map[string]string{"/": "Tenants, worst first", "/objectives": "Budget left", "/rounds/redis/cache": "refused"} {
		dom, console := browse(t, server.URL+path)
		require.Contains(t, dom, says, path)
		require.NotContains(t, console, "Content Security Policy", path)
		require.NotContains(t, console, "CONSOLE", path)
	}
	dom, _ := browse(t, server.URL+"/")
	require.Contains(t, dom, "&lt;script&gt;alert", "what looks like a script is text")
}

// browse loads a page and returns what the browser made of it, and what it said of it.
func browse(t *testing.T, url string) (dom, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--dump-dom", url)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	require.NoError(t, c.Run(), "%s", &said)
	return out.String(), said.String()
}
