package odoo

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

const logged = `2026-11-21 19:37:53,936 19355 INFO tenant_north werkzeug: 127.0.0.1 - - [21/Nov/2026 19:37:53] "GET /web/login HTTP/1.1" 200 - 5 0.010 0.030` + "\n"

// The counters of a log go on over a change of other settings, and its place over a restart.
func TestLogOfAService(t *testing.T) {
	dir := t.TempDir()
	c := site("http://127.0.0.1:1")
	c.URL, c.Log.Path = "", filepath.Join(dir, "odoo.log")
	write := func(text string) {
		f, err := os.OpenFile(c.Log.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	serve := func(previous *Target) *Target {
		s, err := New(c, Options{StateDir: dir, Previous: previous})
		require.NoError(t, err)
		return s
	}
	requests := func(s *Target) float64 {
		visits := s.Visits([]collectors.Tenant{{Name: "north", Database: "tenant_north"}})
		require.Len(t, visits, 1)
		b := collectors.NewBuilder(visits[0].Key, time.Now())
		require.NoError(t, visits[0].Collector.Collect(t.Context(), b))
		var n float64
		b.Batch().Each(func(name string) bool { return name == "odoo_log_requests_total" }, func(s collectors.Series) {
			require.Equal(t, "north", s.Get("tenant"))
			n = s.Value()
		})
		return n
	}
	write("")
	first := serve(nil)
	require.Zero(t, requests(first))
	write(logged)
	require.Equal(t, 1.0, requests(first))
	c.Timeout *= 2
	second := serve(first)
	first.Close()
	write(logged)
	require.Equal(t, 2.0, requests(second))
	second.Close()
	write(logged)
	third := serve(nil)
	defer third.Close()
	require.Equal(t, 1.0, requests(third))
}

func TestNoLog(t *testing.T) {
	c := site("http://127.0.0.1:1")
	c.URL = ""
	s, err := New(c, Options{})
	require.NoError(t, err)
	defer s.Close()
	require.Empty(t, s.Visits([]collectors.Tenant{{Name: "north", Database: "tenant_north"}}))
}
