package exposition

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// northAgain is what a second visit to north brings: the same but for the jobs pending.
func northAgain(pending float64, channels ...string) *collectors.Batch {
	return batch(north, func(b *collectors.Builder) {
		b.Set(overdue, 5)
		for _, channel := range channels {
			b.Set(jobs, pending, "pending", channel)
		}
	})
}

func TestUnchangedStoreServesTheSameBytes(t *testing.T) {
	store := platform()
	e := serving(t, store, nil)
	for _, f := range []form{{}, {gzip: true}, {openMetrics: true}, {openMetrics: true, gzip: true}} {
		first := e.page(f)
		require.Same(t, first, e.page(f))
		require.Same(t, &first.body[0], &e.page(f).body[0])
	}
}

func TestEqualBatchServesTheSameBytes(t *testing.T) {
	store := collectors.NewStore()
	store.Put(northAgain(1, "root"))
	e := serving(t, store, nil)
	first := e.page(form{gzip: true})
	store.Put(northAgain(1, "root"))
	require.Same(t, first, e.page(form{gzip: true}))
	store.Put(northAgain(2, "root"))
	require.NotSame(t, first, e.page(form{gzip: true}))
}

func TestOnlyChangedFamiliesAreCompressedAgain(t *testing.T) {
	store := collectors.NewStore()
	store.Put(northAgain(1, "root"))
	e := serving(t, store, nil)
	e.page(form{gzip: true})
	for _, f := range e.families.sorted {
		f.body.deflated = []byte("kept") // what is not made anew stays
	}
	store.Put(northAgain(2, "root"))
	e.page(form{gzip: true})
	require.Equal(t, "kept", string(e.families.byName[overdue.Name].body.deflated))
	require.NotEqual(t, "kept", string(e.families.byName[jobs.Name].body.deflated))
}

func TestChangeSeenByAnotherFormIsNotForgotten(t *testing.T) {
	store := collectors.NewStore()
	store.Put(northAgain(1, "root"))
	e := serving(t, store, nil)
	get(t, e, "", "gzip")
	store.Put(northAgain(2, "root"))
	get(t, e, "", "")
	store.Put(batch(south, func(b *collectors.Builder) { b.Set(overdue, 1) }))
	_, page := get(t, e, "", "gzip")
	require.Contains(t, page, `channel="root"} 2`)
}

// TestUpdatesShowWhatAFreshExpositionShows goes through every way in which a Store can change and
// compares what an exposition that saw all of it serves with what one serves that saw none.
func TestUpdatesShowWhatAFreshExpositionShows(t *testing.T) {
	store := collectors.NewStore()
	west := collectors.Key{Collector: "odoo", Target: "main", Tenant: "west"}
	tail := batch(west, func(b *collectors.Builder) {
		b.Set(overdue, 7)
		b.Set(jobs, 1, "pending", "root")
	})
	steps := []struct {
		name   string
		change func()
	}{
		{"nothing there", func() {}},
		{"first batch", func() { store.Put(northAgain(1, "b")) }},
		{"its last family gone", func() { store.Put(northAgain(1)) }},
		{"its last family back", func() { store.Put(northAgain(1, "b")) }},
		{"another help, the same values", func() {
			m := *overdue
			m.Help = "Another help"
			store.Put(batch(north, func(b *collectors.Builder) { b.Set(&m, 5); b.Set(jobs, 1, "pending", "b") }))
		}},
		{"a batch behind", func() { store.Put(tail) }},
		{"another value", func() { store.Put(northAgain(2, "b")) }},
		{"a series in front", func() { store.Put(northAgain(2, "a", "b")) }},
		{"a series in the middle", func() { store.Put(northAgain(3, "a", "aa", "b")) }},
		{"a series less at the end", func() { store.Put(northAgain(3, "a", "aa")) }},
		{"a series less in front", func() { store.Put(northAgain(4, "aa")) }},
		{"a family less", func() { store.Put(northAgain(4)) }},
		{"a family again", func() { store.Put(northAgain(5, "z")) }},
		{"a batch between", func() { store.Put(batch(south, func(b *collectors.Builder) { b.Set(up, 1); b.Set(overdue, 1) })) }},
		{"another metric of that name", func() {
			m := *overdue
			m.Help = "Another help"
			store.Put(batch(north, func(b *collectors.Builder) { b.Set(&m, 9) }))
		}},
		{"a target in front", func() {
			store.Put(batch(collectors.Key{Collector: "redis", Target: "cache"}, func(b *collectors.Builder) { b.Set(up, 1) }))
		}},
		{"the first batch gone", func() { store.Drop(north) }},
		{"a batch without anything", func() { store.Put(&collectors.Batch{Key: south}) }},
		{"the last batch gone", func() { store.Drop(west) }},
		{"empty again", func() {
			for _, b := range store.All() {
				store.Drop(b.Key)
			}
		}},
	}
	e := serving(t, store, nil)
	for _, step := range steps {
		step.change()
		for _, accept := range []string{"", openMetrics} {
			_, want := get(t, serving(t, store, nil), accept, "")
			_, packed := get(t, e, accept, "gzip")
			require.Equal(t, want, packed, step.name)
			_, plain := get(t, e, accept, "")
			require.Equal(t, want, plain, step.name)
		}
	}
}

func TestScrapesWhileBatchesComeAndGo(t *testing.T) {
	store := platform()
	e := serving(t, store, ownMetrics(t))
	server := httptest.NewServer(e)
	defer server.Close()
	client := server.Client() // asks for gzip and uncompresses by itself
	defer client.CloseIdleConnections()

	var group sync.WaitGroup
	for writer := range 2 {
		group.Go(func() {
			for i := range 200 {
				key := collectors.Key{Collector: "odoo", Target: "main", Tenant: fmt.Sprintf("t%d-%d", writer, i%7)}
				store.Put(batch(key, func(b *collectors.Builder) { b.Set(overdue, float64(i)) }))
				if i%3 == 0 {
					store.Drop(key)
				}
			}
		})
	}
	for scraper := range 4 {
		group.Go(func() {
			for range 50 {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				if err == nil && scraper%2 == 0 {
					request.Header.Set("Accept", openMetrics)
				}
				if err == nil {
					err = scrape(client, request)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	_, want := get(t, serving(t, store, ownMetrics(t)), "", "")
	_, got := get(t, e, "", "gzip")
	require.Equal(t, want, got)
}

func scrape(client *http.Client, request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if !response.Uncompressed || !strings.Contains(string(body), `pg_up{target="main"} 1`) {
		return fmt.Errorf("a page without pg_up, or not compressed: %q", body)
	}
	return nil
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	server := httptest.NewServer(serving(t, platform(), nil))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL, nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	server.Client().CloseIdleConnections()
}
