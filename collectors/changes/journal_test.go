package changes

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }

// told is a change as events tell it: begun at one minute and ended at another with an outcome.
func told(id string, began, ended int, outcome Outcome, s Scope) *Change {
	c := &Change{
		Key: id, Sender: "argo-cd", System: "argo-cd", Kind: "deployment", Stream: "stream", Scope: s,
		Started: at(began), Outcome: outcome,
	}
	if outcome != Started {
		c.Finished = at(ended)
	}
	if outcome.final() {
		c.Counted = []Outcome{outcome}
	}
	if outcome.bad() {
		c.Failed = c.Finished
	}
	return c
}

func of(tenants ...string) Scope { return Scope{Tenants: tenants} }

func journalAt(t testing.TB, dir string, horizon time.Time, max int) *journal {
	t.Helper()
	j, err := openJournal(dir, horizon, max, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.close()) })
	return j
}

func (x *index) keys() []string {
	var keys []string
	for _, c := range x.all {
		keys = append(keys, c.Key)
	}
	return keys
}

// TestEventsInAnyOrder tells every order of the events of one change, each of them twice, and
// expects the same in the end wherever one of them is the last by its time.
func TestEventsInAnyOrder(t *testing.T) {
	events := []*Change{
		told("a", -1, 0, Started, of("rosenhof")),
		told("a", 0, 5, Failed, of("rosenhof")),
		told("a", 0, 9, Succeeded, of("rosenhof")),
	}
	orders := [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	for _, order := range orders {
		j := journalAt(t, t.TempDir(), time.Time{}, 10)
		s := &Changes{journal: j}
		for range 2 {
			for _, i := range order {
				_, _, err := s.record(events[i])
				require.NoError(t, err)
			}
		}
		c := j.changes.byKey["a"]
		require.Equal(t, Succeeded, c.Outcome, order)
		require.Equal(t, []time.Time{at(-1), at(9)}, []time.Time{c.Started, c.Finished})
		require.Len(t, j.changes.all, 1)
		failedFirst := slices.Index(order, 1) < slices.Index(order, 2)
		require.Equal(t, map[bool][]Outcome{true: {Failed, Succeeded}, false: {Succeeded}}[failedFirst], c.Counted)
		require.Equal(t, map[bool]time.Time{true: at(5)}[failedFirst], c.Failed)
		require.Equal(t, map[bool]time.Duration{true: 4 * time.Minute}[failedFirst], j.summarize().restore["rosenhof"])
	}
}

func TestNothingChangesByRepetition(t *testing.T) {
	dir := t.TempDir()
	s := &Changes{journal: journalAt(t, dir, time.Time{}, 10)}
	_, changed, err := s.record(told("a", 0, 5, Failed, of("rosenhof")))
	require.NoError(t, err)
	require.True(t, changed)
	size := s.journal.size
	for range 3 {
		_, changed, err = s.record(told("a", 0, 5, Failed, of("rosenhof")))
		require.NoError(t, err)
		require.False(t, changed)
	}
	require.Equal(t, size, s.journal.size, "nothing is written either")
}

func TestJournalSurvives(t *testing.T) {
	dir := t.TempDir()
	j := journalAt(t, dir, time.Time{}, 10)
	require.NoError(t, j.add(line{Change: told("a", 0, 5, Failed, of("rosenhof"))}))
	require.NoError(t, j.add(line{Change: told("b", 1, 0, Started, Scope{All: true}), Known: &known{"k", items{"sale": "1"}}}))
	require.NoError(t, j.add(line{Known: &known{"gone", items{"x": "1"}}}))
	require.NoError(t, j.add(line{Known: &known{Key: "gone"}}))
	require.NoError(t, j.add(line{Change: told("b", 1, 7, Succeeded, Scope{All: true})}))
	before := j.changes
	require.NoError(t, j.close())
	require.ErrorContains(t, j.add(line{Known: &known{Key: "x"}}), "file already closed")

	again := journalAt(t, dir, time.Time{}, 10)
	require.Equal(t, before.byKey, again.changes.byKey)
	require.Equal(t, map[string]items{"k": {"sale": "1"}}, again.known)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

// TestJournalCutAnywhere cuts the file about everywhere, as a crash may. What was whole is there.
func TestJournalCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	j := journalAt(t, dir, time.Time{}, 10)
	for i := range 3 {
		require.NoError(t, j.add(line{Change: told(fmt.Sprint("c", i), i, i+1, Succeeded, of("rosenhof"))}))
	}
	whole, err := os.ReadFile(j.path)
	require.NoError(t, err)
	for n := range whole {
		if near := bytes.ContainsRune(whole[max(0, n-2):n+1], '\n'); n%17 != 0 && !near {
			continue
		}
		cut := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(cut, "changes.jsonl"), whole[:n], 0o600))
		opened, err := openJournal(cut, time.Time{}, 10, slog.New(slog.DiscardHandler))
		require.NoError(t, err, n)
		ended := bytes.Count(whole[:n], []byte("\n"))
		kept := len(opened.changes.all)
		require.GreaterOrEqual(t, kept, ended-1, n)
		require.LessOrEqual(t, kept, ended, n)
		require.NoError(t, opened.add(line{Change: told("next", 9, 9, Succeeded, of("rosenhof"))}))
		require.NoError(t, opened.close())
		text, err := os.ReadFile(opened.path)
		require.NoError(t, err)
		require.Equal(t, kept+2, bytes.Count(text, []byte("\n")), "head, what was whole, and the next")
		require.NoFileExists(t, opened.path+".damaged", n)
	}
}

func TestJournalSetsDamageAside(t *testing.T) {
	dir := t.TempDir()
	j := journalAt(t, dir, time.Time{}, 10)
	require.NoError(t, j.add(line{Change: told("a", 0, 5, Failed, of("rosenhof"))}))
	require.NoError(t, j.add(line{Change: told("b", 0, 5, Failed, of("rosenhof"))}))
	require.NoError(t, j.close())
	text, err := os.ReadFile(j.path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	lines[1] = "\x00\x00 damaged\n{\"change\":{\"key\":\"x\"}}\n"
	require.NoError(t, os.WriteFile(j.path, []byte(strings.Join(lines, "")), 0o600))

	var log bytes.Buffer
	opened, err := openJournal(dir, time.Time{}, 10, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, opened.changes.keys())
	require.Contains(t, log.String(), "lines=2")
	require.NoError(t, opened.close())
	aside, err := os.ReadFile(j.path + ".damaged")
	require.NoError(t, err)
	require.Equal(t, lines[1], string(aside))

	require.NoError(t, os.WriteFile(j.path, []byte(`{"journal":2}`+"\n"), 0o600))
	_, err = openJournal(dir, time.Time{}, 10, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "written by a newer version")
}

// TestJournalForgets drops what is too old and too much, goes on counting it, and refuses to hear
// of it again.
func TestJournalForgets(t *testing.T) {
	dir := t.TempDir()
	j := journalAt(t, dir, time.Time{}, 100)
	for i := range 20 {
		require.NoError(t, j.add(line{Change: told(fmt.Sprintf("c%02d", i), i, i+1, Failed, of("rosenhof"))}))
	}
	sum := j.summarize().counts
	require.NoError(t, j.close())

	j = journalAt(t, dir, at(5), 100)
	require.Len(t, j.changes.all, 15)
	require.Equal(t, sum, j.summarize().counts)
	require.NoError(t, j.close())

	j = journalAt(t, dir, at(5), 10)
	require.Equal(t, "c10", j.changes.keys()[0])
	require.Equal(t, sum, j.summarize().counts)
	require.Len(t, *j.changes.byTenant["rosenhof"], 10)
	s := &Changes{journal: j}
	_, _, err := s.record(told("c03", 3, 4, Failed, of("rosenhof")))
	require.ErrorIs(t, err, errTooOld)
	for i := range 5 {
		_, _, err := s.record(told(fmt.Sprintf("d%02d", i), 30+i, 31+i, Failed, of("rosenhof")))
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(j.changes.all), 11, "also while running")
	require.Equal(t, uint64(25), j.summarize().counts[tally{"rosenhof", "deployment", "failed"}])
}

func TestJournalFileStaysSmall(t *testing.T) {
	j := journalAt(t, t.TempDir(), time.Time{}, 10)
	for i := range roomy + 100 {
		require.NoError(t, j.apply2(i))
	}
	require.Less(t, j.lines, 200)
}

// apply2 changes the one known value, without waiting for the disk each time.
func (j *journal) apply2(i int) error {
	l := line{Known: &known{"k", items{"": fmt.Sprint(i)}}}
	if i < roomy {
		j.apply(&l)
		return nil
	}
	return j.add(l)
}

// TestJournalKeepsNothingThatItCouldNotWrite fails a write and looks for it in memory and file.
func TestJournalKeepsNothingThatItCouldNotWrite(t *testing.T) {
	dir := t.TempDir()
	j := journalAt(t, dir, time.Time{}, 10)
	require.NoError(t, j.add(line{Change: told("a", 0, 5, Failed, of("rosenhof"))}))
	good := j.file
	readOnly, err := os.Open(j.path)
	require.NoError(t, err)
	j.file = readOnly
	err = j.add(line{Change: told("b", 0, 5, Failed, of("rosenhof"))})
	require.ErrorContains(t, err, "write change")
	require.ErrorContains(t, err, "truncate", "what was written of it is cut off")
	require.NoError(t, readOnly.Close())
	j.file = good
	require.Equal(t, []string{"a"}, j.changes.keys())
	require.NoError(t, j.add(line{Change: told("c", 0, 5, Failed, of("rosenhof"))}))
	require.NoError(t, j.close())
	require.Equal(t, []string{"a", "c"}, journalAt(t, dir, time.Time{}, 10).changes.keys())
}

// TestBefore compares the index with looking at every change.
func TestBefore(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"rosenhof", "lindenau", "marienstift"}
	registry := tenants(t).Current()
	for range 50 {
		x := newIndex()
		for i := range 60 {
			began := random.IntN(600)
			c := told(fmt.Sprint(random.IntN(50)), began, began+random.IntN(90), Succeeded, of(names[random.IntN(3)]))
			switch i % 5 {
			case 0:
				c.Scope = Scope{All: true}
			case 1:
				c.Scope = Scope{Target: []string{"pg-a", "pg-b", "cache"}[random.IntN(3)]}
			case 2:
				c.Outcome, c.Finished = Started, time.Time{}
			}
			x.put(c)
		}
		moment, within := at(random.IntN(700)), time.Duration(random.IntN(200))*time.Minute
		for _, tenant := range append(names, "") {
			got := map[string]bool{}
			found := x.before(concerns(registry, tenant, ""), moment, within)
			for i, c := range found {
				got[c.Key] = true
				require.False(t, i > 0 && effect(found[i-1], moment).Before(effect(c, moment)), "newest first")
			}
			want := map[string]bool{}
			for c := range maps.Values(x.byKey) {
				server := map[string]string{"rosenhof": "pg-a", "lindenau": "pg-b", "marienstift": "pg-b"}[tenant]
				concerned := c.Scope.All || slices.Contains(c.Scope.Tenants, tenant) || c.Scope.Target == "cache" ||
					c.Scope.Target != "" && c.Scope.Target == server
				if concerned && !c.Started.After(moment) && !c.At().Before(moment.Add(-within)) {
					want[c.Key] = true
				}
			}
			require.Equal(t, want, got)
		}
		for _, c := range slices.Clone(x.all) {
			x.remove(c)
		}
		require.Empty(t, x.byTenant)
		require.Empty(t, x.byStream)
		require.Empty(t, x.wide)
	}
}

func TestBeforeIncludesItsEdges(t *testing.T) {
	x := newIndex()
	x.put(told("a", 0, 0, Observed, of("rosenhof")))
	who := concerns(tenants(t).Current(), "rosenhof", "")
	require.Len(t, x.before(who, at(60), time.Hour), 1)
	require.Len(t, x.before(who, at(0), time.Hour), 1)
	require.Empty(t, x.before(who, at(61), time.Hour))
	require.Empty(t, x.before(who, at(-1), time.Hour))
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"journal":1,"totals":[{"Tenant":"a","Kind":"release","Outcome":"failed","N":3}]}` + "\n"))
	f.Add([]byte(`{"change":{"key":"a","kind":"release","started":"2026-11-01T02:00:00Z","scope":{"tenants":["a"]}}}` + "\n" + `{"known":{"key":"k","items":{"a":"b"}}}` + "\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "changes.jsonl")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		j, err := openJournal(dir, time.Time{}, 5, slog.New(slog.DiscardHandler))
		if err != nil {
			require.ErrorContains(t, err, "newer version")
			return
		}
		keys, sums := j.changes.keys(), j.summarize().counts
		require.NoError(t, j.close())
		again, err := openJournal(dir, time.Time{}, 5, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.Equal(t, keys, again.changes.keys(), "what was read once is read again")
		require.Equal(t, sums, again.summarize().counts)
		require.NoError(t, again.close())
	})
}
