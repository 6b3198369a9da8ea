package ledger

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/slo"
)

// childEnv makes the test binary a child that writes a ledger until it dies.
const childEnv = "WARDROUND_LEDGER_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "kill":
		os.Exit(said(appendUntilKilled(os.Args[1], os.Args[2])))
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

// appendUntilKilled records minute after minute and says each once it is
// committed.
func appendUntilKilled(dir, from string) error {
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return err
	}
	l, err := Open(dir, DefaultOptions())
	if err != nil {
		return err
	}
	if err := l.Watch([]slo.Window{{Rolling: time.Hour}}); err != nil {
		return err
	}
	for m := first; ; m++ {
		if err := l.Append(time.Unix(m*60, 0), killDeltas(m)); err != nil {
			return err
		}
		fmt.Println(m)
	}
}

func killDeltas(m int64) []slo.Delta {
	var deltas []slo.Delta
	for n := range 50 {
		deltas = append(deltas, slo.Delta{Instance: tenant(n), Counts: slo.Counts{Good: uint64(m % 7), Bad: uint64(n)}})
	}
	return deltas
}

// TestKillNine kills a writer a thousand times at random instants, its start
// among them, over and over on four ledgers, and finds each committed minute once
// and no other but the one in progress.
func TestKillNine(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprintf("ledger %d", n), func(t *testing.T) {
			t.Parallel()
			dir, first := t.TempDir(), start.Unix()/60
			next := first
			for round := range 250 {
				next = killOnce(t, dir, first, next, round)
			}
			require.Greater(t, next, first+250, "hardly anything was written")
			l := open(t, dir)
			report, err := l.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, report.Faults)
			m := first
			last := func(i slo.Instance) bool { return i == tenant(49) }
			require.NoError(t, l.Minutes(start, l.Through(), last, func(e *Entry) error {
				require.Equal(t, minuteTime(m), e.Minute)
				require.Equal(t, slo.Counts{Good: uint64(m % 7), Bad: 49}, e.Counts)
				m++
				return nil
			}))
			require.Equal(t, next, m)
		})
	}
}

// killOnce lets a child go on from a minute, kills it, and checks what it left.
func killOnce(t *testing.T, dir string, first, next int64, round int) (end int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir, strconv.FormatInt(next, 10))
	cmd.Env = append(os.Environ(), childEnv+"=kill")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	last := killAfter(t, cmd, out, rand.IntN(5)-1, time.Duration(rand.IntN(3000))*time.Microsecond)

	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err, "after kill %d", round)
	end = max(first, l.Through().Unix()/60)
	require.GreaterOrEqual(t, end, max(next, last+1), "a committed minute is lost")
	require.LessOrEqual(t, end, max(last, next-1)+2, "a minute that was never written")
	want := slo.Tally{Measured: end - first, Expected: end - first}
	for m := first; m < end; m++ {
		want.Good += uint64(m % 7)
		want.Bad += 49
	}
	got, err := l.Sum(tenant(49), start, minuteTime(end))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Nil(t, l.Stats().Recovery)
	require.NoError(t, l.Close())
	return end
}

// killAfter kills the child some time after it has said more than so many
// minutes, and answers the last one that it said, 0 for none.
func killAfter(t *testing.T, cmd *exec.Cmd, out io.Reader, minutes int, then time.Duration) (last int64) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for n := 0; n <= minutes && lines.Scan(); n++ {
		last = parse(t, lines.Text())
	}
	time.AfterFunc(then, func() { _ = cmd.Process.Kill() }) // it may have been killed by its context
	for lines.Scan() {
		last = parse(t, lines.Text())
	}
	err := cmd.Wait()
	require.ErrorContains(t, err, "killed")
	return last
}

func parse(t *testing.T, line string) int64 {
	t.Helper()
	m, err := strconv.ParseInt(line, 10, 64)
	require.NoError(t, err)
	return m
}

// fillTheDisk writes until the file may not grow, goes on while it may not,
// then lets it grow again. It runs in a child, because the limit is that of the
// process.
func fillTheDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	l, err := Open(dir, DefaultOptions())
	if err != nil {
		return err
	}
	if err := l.Watch([]slo.Window{{Rolling: 28 * slo.Day}}); err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: uint64(l.Stats().Bytes), Max: old.Max}
	m, failed := start.Unix()/60, 0
	for n := range 400 {
		limit := &old
		if 100 <= n && n < 300 {
			limit = &full
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit); err != nil {
			return err
		}
		if n == 100 {
			full.Cur = uint64(l.Stats().Bytes)
		}
		if err := l.Append(time.Unix(m*60, 0), fullDeltas(n)); err != nil {
			failed++
		}
		m++
		if got := l.Tally(tenant(7), slo.Window{Rolling: 28 * slo.Day}); got.Total() != uint64(n+1) {
			return fmt.Errorf("minute %d: %d events are counted", n, got.Total())
		}
	}
	s := l.Stats()
	fmt.Printf("failed %d counted %d waiting %d\n", failed, s.FailedWrites, s.Waiting)
	return l.Close()
}

// fullDeltas are too many to fit into the room that a file has left.
func fullDeltas(n int) []slo.Delta {
	var deltas []slo.Delta
	for i := range 4000 {
		deltas = append(deltas, slo.Delta{Instance: tenant(i), Counts: slo.Counts{Good: uint64((n + i) % 2), Bad: uint64((n + i + 1) % 2)}})
	}
	return deltas
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = append(os.Environ(), childEnv+"=full")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var failed, counted, waiting int
	_, err = fmt.Sscanf(strings.TrimSpace(string(out)), "failed %d counted %d waiting %d", &failed, &counted, &waiting)
	require.NoError(t, err, "%s", out)
	require.Positive(t, failed, "the disk was never full")
	require.Equal(t, failed, counted)
	require.Zero(t, waiting, "all is written once there is room")

	l := open(t, dir)
	got, err := l.Sum(tenant(7), start, l.Through())
	require.NoError(t, err)
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 200, Bad: 200}, Measured: 400, Expected: 400}, got)
}
