package changes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzReceivers sends any body as every kind of sender: it is answered as documented, a second time
// changes nothing, and what is kept has the shapes that may be shown.
func FuzzReceivers(f *testing.F) {
	for name := range fixtures {
		f.Add(fixture(f, name))
	}
	f.Add([]byte(`{"object_kind":"deployment","status":"success","status_changed_at":"2026-11-01 02:00:00 UTC","deployment_id":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := open(t, t.TempDir(), settings())
		for _, kind := range []string{"generic", "github", "gitlab", "argocd", "flux"} {
			for _, event := range []string{"deployment_status", "workflow_run"} {
				code, text := s.post(kind, header(kind, event, body), body)
				require.Contains(t, []int{200, 400, 413, 422}, code, text)
				require.True(t, json.Valid([]byte(text)))
				again, repeated := s.post(kind, header(kind, event, body), body)
				require.Equal(t, code, again)
				if code == http.StatusOK {
					require.NotContains(t, repeated, `"recorded"`)
				}
			}
		}
		for _, c := range s.journal.changes.all {
			require.False(t, c.Started.IsZero() || c.Started.After(time.Now()) || !c.Finished.IsZero() && c.Finished.Before(c.Started), c)
			require.Equal(t, c.Subject, technical(c.Subject))
			require.Equal(t, c.Revision, revision(c.Revision))
			require.Equal(t, c.Link, link(c.Link))
			require.Contains(t, kinds, c.Kind)
		}
	})
}

func full(b *testing.B) *stage {
	b.Helper()
	s := open(b, b.TempDir(), settings())
	names := []string{"rosenhof", "lindenau", "marienstift"}
	for i := range maxChanges {
		c := told(fmt.Sprint(i), i, i+3, finals[i%4], of(names[i%3]))
		c.Stream = fmt.Sprint(i % 1000)
		if i%50 == 0 {
			c.Scope = Scope{All: true}
		}
		s.journal.apply(&line{Change: c})
	}
	return s
}

func BenchmarkSuspect(b *testing.B) {
	s := full(b)
	for b.Loop() {
		if s.Suspect(map[string]string{"tenant": "rosenhof"}, at(maxChanges/2)) == "" {
			b.Fatal("nothing found")
		}
	}
}

func BenchmarkSummary(b *testing.B) {
	s := full(b)
	for b.Loop() {
		s.journal.summarize()
	}
}

func BenchmarkOpen(b *testing.B) {
	s := full(b)
	require.NoError(b, s.journal.rewrite())
	for b.Loop() {
		j, err := openJournal(s.dir, time.Time{}, maxChanges, s.logger)
		require.NoError(b, err)
		require.NoError(b, j.close())
	}
}
