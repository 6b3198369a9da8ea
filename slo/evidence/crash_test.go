package evidence

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv makes the test binary a child that writes evidence until it dies.
const childEnv = "WARDROUND_EVIDENCE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "kill":
		os.Exit(said(appendUntilKilled(os.Args[1])))
	case "full":
		os.Exit(said(fillTheDisk(os.Args[1])))
	}
}

func said(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	return cmd
}

// TestCrashWithinALine cuts a record at every byte of its last line.
func TestCrashWithinALine(t *testing.T) {
	record := written(t, 3)
	sound := bytes.LastIndexByte(record[:len(record)-1], '\n') + 1
	for size := sound + 1; size < len(record); size += 7 {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), record[:size], 0o600))
		r := verify(t, record[:size])
		require.True(t, r.Whole(), "a crash is no tampering")
		require.Equal(t, int64(size-sound), r.PartialBytes)

		l := open(t, dir)
		found := l.Found()
		require.True(t, found.Whole())
		partial, err := os.ReadFile(found.Partial)
		require.NoError(t, err)
		require.Equal(t, string(record[sound:size]), string(partial))
		require.Equal(t, string(record[:sound]), string(content(t, dir)))
		require.Regexp(t, `evidence\.jsonl\.partial-\d{8}T\d{6}\.\d{9}Z$`, found.Partial)

		require.NoError(t, l.Append(note(3)))
		require.Equal(t, string(record), string(content(t, dir)))
	}
}

// TestOpenDamaged goes on after damage, and leaves it to be seen.
func TestOpenDamaged(t *testing.T) {
	lines := bytes.SplitAfter(written(t, 4), []byte("\n"))
	for _, damaged := range []int{0, 1, 3} {
		dir := t.TempDir()
		changed := bytes.Join(lines, nil)
		changed[bytes.Index(changed, lines[damaged])+20] ^= 1
		require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), changed, 0o600))
		l := open(t, dir)
		require.Len(t, l.Found().Faults, 1)
		require.NoError(t, l.AppendAll([]Event{note(5), note(6)}))
		r := verify(t, content(t, dir))
		require.Equal(t, 6, r.Lines)
		require.Equal(t, l.Found().Faults, r.Faults, "one line is damaged, and no more than that")
		require.Equal(t, l.Head(), r.Head)
	}
}

// appendUntilKilled records batch after batch and says the head once it is
// answered for.
func appendUntilKilled(dir string) error {
	l, err := Open(dir, DefaultOptions())
	if err != nil {
		return err
	}
	for n := int(l.Head().Seq); ; n += 3 {
		if err := l.AppendAll([]Event{note(n), note(n + 1), note(n + 2)}); err != nil {
			return err
		}
		fmt.Println(l.Head())
	}
}

// TestKillNine kills a writer at random instants, over and over on one record,
// and finds every line that was answered for.
func TestKillNine(t *testing.T) {
	dir := t.TempDir()
	var kept []Head
	for round := range 40 {
		cmd := child(t, "kill", dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		kept = append(kept, killAfter(t, cmd, out, rand.IntN(20), time.Duration(rand.IntN(3000))*time.Microsecond))

		r := verify(t, content(t, dir), kept...)
		require.True(t, r.Whole(), "after kill %d: %v", round, r.Faults)
		l, err := Open(dir, DefaultOptions())
		require.NoError(t, err)
		require.GreaterOrEqual(t, l.Head().Seq, kept[round].Seq)
		require.NoError(t, l.Close())
	}
}

// killAfter kills the child some time after it has said so many heads, and
// answers the last one that it said.
func killAfter(t *testing.T, cmd *exec.Cmd, out io.Reader, heads int, then time.Duration) (last Head) {
	t.Helper()
	lines := bufio.NewScanner(out)
	say := func() {
		head, err := ParseHead(lines.Text())
		require.NoError(t, err)
		last = head
	}
	for n := 0; n <= heads && lines.Scan(); n++ {
		say()
	}
	time.AfterFunc(then, func() { _ = cmd.Process.Kill() }) // it may have been killed by its context
	for lines.Scan() {
		say()
	}
	require.ErrorContains(t, cmd.Wait(), "killed")
	return last
}

// fillTheDisk writes until the file may not grow, goes on while it may not, then
// lets it grow again. It runs in a child, because the limit is that of the
// process.
func fillTheDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := Open(dir, Options{MaxWaiting: MaxLine})
	if err != nil {
		return err
	}
	if err := l.Append(note(0)); err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: 1000, Max: old.Max} // within a line
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	failed, lost := 0, 0
	for n := range 1000 {
		if err := l.Append(note(n + 1)); err != nil {
			failed++
			if strings.Contains(err.Error(), "lost") {
				lost++
			}
		}
	}
	waiting := l.Waiting()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := l.Append(note(1001)); err != nil {
		return err
	}
	fmt.Printf("%d %d %d %d %s\n", failed, lost, waiting, l.Waiting(), l.Head())
	return nil // not closed: what was answered for is on the disk
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	out, err := child(t, "full", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	var failed, lost, waiting, left int
	var head string
	_, err = fmt.Sscanf(strings.TrimSpace(string(out)), "%d %d %d %d %s", &failed, &lost, &waiting, &left, &head)
	require.NoError(t, err, "%s", out)
	kept, err := ParseHead(head)
	require.NoError(t, err)
	require.Greater(t, failed, 900, "the disk was never full")
	require.Positive(t, lost, "memory was never full")
	require.Less(t, waiting, 2*MaxLine, "memory is bounded")
	require.Zero(t, left, "all is written once there is room")
	require.Equal(t, uint64(1002-lost), kept.Seq)
	r := verify(t, content(t, dir), kept)
	require.True(t, r.Whole(), "%v", r.Faults)
	require.Equal(t, 1002-lost, r.Lines)
}

// BenchmarkAppend is one event, flushed to the disk.
func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir())
	for n := 0; b.Loop(); n++ {
		require.NoError(b, l.Append(note(n)))
	}
}

// BenchmarkAppendAll is a minute in which a hundred alerts fire.
func BenchmarkAppendAll(b *testing.B) {
	l := open(b, b.TempDir())
	events := make([]Event, 100)
	for n := range events {
		events[n] = Event{At: noon, Kind: KindAlertTransition, Who: Self, Payload: AlertTransition{
			Labels: map[string]string{"alertname": "ErrorBudgetBurn", "objective": "login", "tenant": "clinic-" + strconv.Itoa(n)},
			From:   "inactive", To: "firing",
		}}
	}
	for b.Loop() {
		require.NoError(b, l.AppendAll(events))
	}
	b.ReportMetric(float64(l.size)/float64(l.head.Seq), "B/event")
}

// BenchmarkVerify is what Open does with a year of a hundred events a day.
func BenchmarkVerify(b *testing.B) {
	record := written(b, 100)
	year := make([]byte, 0, 365*len(record))
	for range 365 {
		year = append(year, record...) // broken at each seam, which costs no less
	}
	b.SetBytes(int64(len(year)))
	for b.Loop() {
		_, err := Verify(bytes.NewReader(year))
		require.NoError(b, err)
	}
}
