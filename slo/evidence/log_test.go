package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

var update = flag.Bool("update", false, "write golden files anew")

var noon = time.Date(2026, time.March, 11, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() }) // many tests close it themselves
	return l
}

func content(t testing.TB, dir string) []byte {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	return all
}

func verify(t testing.TB, record []byte, kept ...Head) Result {
	t.Helper()
	r, err := Verify(bytes.NewReader(record), kept...)
	require.NoError(t, err)
	return r
}

// note is the n-th of many events that differ.
func note(n int) Event {
	return Event{At: noon.Add(time.Duration(n) * time.Minute), Kind: "note", Who: Self, Payload: map[string]int{"n": n}}
}

// written is a record of n notes.
func written(t testing.TB, n int) []byte {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir)
	for i := range n {
		require.NoError(t, l.Append(note(i+1)))
	}
	require.NoError(t, l.Close())
	return content(t, dir)
}

// allKinds has one event of each kind.
func allKinds() []Event {
	hour := func(h int) time.Time { return time.Date(2026, time.March, 1, h, 0, 0, 0, time.UTC) }
	digest := strings.Repeat("5e", sha256.Size)
	var all []Event
	for _, e := range []struct {
		kind, who string
		payload   any
	}{
		{KindConfigReloaded, Self, ConfigReloaded{Accepted: true, SHA256: digest, Objectives: 14, Tenants: 216}},
		{KindWatchGap, Self, WatchGap{From: hour(3), To: hour(4), Minutes: 60}},
		{KindAlertTransition, Self, AlertTransition{
			Labels: map[string]string{"alertname": "ErrorBudgetBurn", "tenant": "st-anna", "objective": "login"},
			From:   "inactive", To: "firing",
		}},
		{KindExclusionCreated, "j.doe", ExclusionCreated{slo.Exclusion{
			ID: "e-1", Scope: slo.Scope{Tenants: []string{"st-anna"}}, From: hour(1), To: hour(2), Mode: slo.Remove,
			Category: slo.Maintenance, Approver: "j.doe", Reason: "upgrade <16 to 17> & move", Announced: hour(0),
		}}},
		{KindExclusionRevoked, "j.doe", ExclusionRevoked{ID: "e-1", Reason: "put off"}},
		{KindReportIssued, Self, ReportIssued{From: hour(0), To: hour(24), Format: "pdf", SHA256: digest}},
		{KindLedgerRecovered, Self, LedgerRecovered{Fault: "page 7 is damaged", Copy: "ledger.db.damaged-20260301T030000Z", Through: hour(3)}},
		{KindPeriodClosed, Self, PeriodClosed{Window: "month in Europe/Berlin", From: hour(0), To: hour(24), Instances: 3024, SHA256: digest}},
		{KindEvidenceRecovered, Self, EvidenceRecovered{Partial: "evidence.jsonl.partial-20260301T030000.000000000Z"}},
		{"restore_rehearsed", "night shift", nil},
	} {
		all = append(all, Event{At: noon.Add(time.Duration(len(all)) * time.Second), Kind: e.kind, Who: e.who, Payload: e.payload})
	}
	return all
}

// TestRecordStaysAsItWas holds the lines to those that earlier releases wrote.
func TestRecordStaysAsItWas(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	require.NoError(t, l.AppendAll(allKinds()))
	golden := filepath.Join("testdata", "kinds.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, content(t, dir), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), string(content(t, dir))))

	r := verify(t, want, l.Head())
	require.True(t, r.Whole())
	require.Equal(t, Result{
		Lines: 10, First: noon.UTC(), Last: noon.Add(9 * time.Second).UTC(),
		Head: l.Head(), Bytes: int64(len(want)),
	}, r)
}

// TestHashIsOfTheBytes recounts the chain as anybody could with sha256sum.
func TestHashIsOfTheBytes(t *testing.T) {
	prev := strings.Repeat("0", 64)
	for line := range strings.Lines(string(written(t, 3))) {
		body, _, found := strings.Cut(line, `,"hash":"`)
		require.True(t, found)
		require.Contains(t, body, `"prev":"`+prev+`"`)
		sum := sha256.Sum256([]byte(body))
		prev = hex.EncodeToString(sum[:])
		require.Equal(t, body+`,"hash":"`+prev+"\"}\n", line)
	}
}

func TestChainGoesOnAfterReopening(t *testing.T) {
	dir := t.TempDir()
	var heads []Head
	for n := range 4 {
		l := open(t, dir)
		require.Equal(t, n, l.Found().Lines)
		require.NoError(t, l.Append(note(n)))
		heads = append(heads, l.Head())
		require.NoError(t, l.Close())
	}
	r := verify(t, content(t, dir), heads...)
	require.True(t, r.Whole(), "%v", r.Faults)
	require.Equal(t, heads[3], r.Head)
}

func TestRead(t *testing.T) {
	l := open(t, t.TempDir())
	require.NoError(t, l.AppendAll([]Event{note(1), note(2), note(3)}))
	var got []string
	for e, err := range l.Read(2) {
		require.NoError(t, err)
		require.NoError(t, l.Append(note(9)), "reading does not stand in the way of writing")
		got = append(got, fmt.Sprintf("%d %s %s %s %s", e.Seq, e.At.Format(time.TimeOnly), e.Kind, e.Who, e.Fields))
	}
	require.Equal(t, []string{`2 11:02:00 note wardround {"n":2}`, `3 11:03:00 note wardround {"n":3}`}, got)
	for e, err := range l.Read(0) {
		require.NoError(t, err)
		require.Equal(t, uint64(1), e.Seq)
		break
	}

	record := append([]byte("no line\n"), written(t, 1)...)
	var said []string
	for e, err := range Read(bytes.NewReader(record)) {
		said = append(said, fmt.Sprintf("%d %v", e.Seq, err))
	}
	require.Equal(t, []string{"0 read evidence, line 1: not a line of evidence", "1 <nil>"}, said)
}

func TestRefusedEventsLeaveNoTrace(t *testing.T) {
	for _, c := range []struct {
		name  string
		event Event
		want  string
	}{
		{"no kind", Event{}, "not a kind"},
		{"kind of several words", Event{Kind: "Alert fired"}, "small letters and underscores"},
		{"a list", Event{Kind: "k", Payload: []int{1}}, "not an object"},
		{"nothing that JSON knows", Event{Kind: "k", Payload: func() {}}, "unsupported type"},
		{"too long", Event{Kind: "k", Payload: map[string]string{"a": strings.Repeat("x", MaxLine)}}, "a line may have 65536"},
		{"a year that JSON does not know", Event{Kind: "k", At: noon.AddDate(9000, 0, 0)}, "year outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			require.ErrorContains(t, l.AppendAll([]Event{note(1), c.event}), c.want)
			require.Zero(t, l.Head().Seq)
			require.NoError(t, l.Append(note(2)))
			require.True(t, verify(t, content(t, dir)).Whole())
		})
	}
}

func TestLongestLine(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	e := Event{At: noon, Kind: "k", Payload: map[string]string{"a": ""}}
	require.NoError(t, l.Append(e))
	short := len(content(t, dir))
	e.Payload = map[string]string{"a": strings.Repeat("x", MaxLine-short)}
	require.NoError(t, l.Append(e))
	require.Len(t, content(t, dir), short+MaxLine)
	r := verify(t, content(t, dir))
	require.True(t, r.Whole())
	require.Equal(t, 2, r.Lines)
	e.Payload = map[string]string{"a": strings.Repeat("x", MaxLine-short+1)}
	require.Error(t, l.Append(e))
}

func TestSecondWriterIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	_, err := Open(dir, DefaultOptions())
	require.ErrorContains(t, err, "another process writes it")
	require.NoError(t, l.Close())
	open(t, dir)
}

func TestOptions(t *testing.T) {
	_, err := Open(t.TempDir(), Options{})
	require.ErrorContains(t, err, "MaxWaiting")
}

func TestManyWriteAtOnce(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for n := range 20 {
				assert.NoError(t, l.AppendAll([]Event{note(n), note(n + 1)}))
			}
		})
	}
	writers.Wait()
	r := verify(t, content(t, dir))
	require.True(t, r.Whole(), "%v", r.Faults)
	require.Equal(t, 320, r.Lines)
}

func TestHeadText(t *testing.T) {
	h := Head{Seq: 7, Hash: sha256.Sum256([]byte("a"))}
	got, err := ParseHead(h.String())
	require.NoError(t, err)
	require.Equal(t, h, got)
	for _, wrong := range []string{"", "7", "7:", "x:" + h.Hash.String(), "7:" + strings.Repeat("z", 64), h.String() + "0"} {
		_, err := ParseHead(wrong)
		require.ErrorContains(t, err, "not the head of a chain", wrong)
	}
}
