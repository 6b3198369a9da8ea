package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzQueries asks lists anything: the answer is a page or a refusal that says what to do.
func FuzzQueries(f *testing.F) {
	for _, seed := range []string{
		"", "limit=7&status=ok", "cursor=" + cursorOf("instances", `login{tenant="south"}`), "objective=login&step=day&zone=Europe/Vienna",
		"instance=login&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00%2B01:00&raw=true", "%zz", "tenant=", "a;b",
	} {
		f.Add(seed)
	}
	c := newBareClient(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"instances", "alerts", "history", "periods", "exclusions", "objectives"} {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/"+path, nil)
			r.URL.RawQuery = query
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				require.Equal(t, http.StatusBadRequest, w.Code)
				require.NotEmpty(t, refused(t, w).Problem)
			}
		}
	})
}

// FuzzExclusionBodies sends anything: what is made is valid and says what was sent.
func FuzzExclusionBodies(f *testing.F) {
	good, err := json.Marshal(maintenance("m"))
	require.NoError(f, err)
	for _, seed := range []string{"", "null", "{}", "[]", string(good), strings.ToUpper(string(good)), string(good[:50]), `{"id":"m","from":"x"}`} {
		f.Add(seed)
	}
	c := newBareClient(f)
	f.Fuzz(func(t *testing.T, body string) {
		clear(c.memory.made)
		r := httptest.NewRequest(http.MethodPost, "/api/v1/exclusions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			require.Equal(t, http.StatusBadRequest, w.Code)
			require.NotEmpty(t, refused(t, w).Problem)
			require.Empty(t, c.memory.made)
			return
		}
		made := excluded(t, w).Exclusion.Exclusion
		require.NoError(t, made.Validate())
		require.True(t, same(made, c.memory.made[made.ID].Exclusion))
	})
}
