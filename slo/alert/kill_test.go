package alert

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The environment of a process that lives to be killed: its storage directory, and the minute that it begins with.
const (
	mortalDir  = "WARDROUND_ALERT_TEST_DIR"
	mortalFrom = "WARDROUND_ALERT_TEST_FROM"
)

const kills = 200

// script is what is reported at a minute, always the same: of twelve tenants, ten of them on one cluster. The objective
// changes hands every now and then.
func script(minute int) []Condition {
	var all []Condition
	outage := rand.New(rand.NewPCG(7, uint64(minute/9))).IntN(3) == 0 // of the cluster
	for n := range 12 {
		spell := rand.New(rand.NewPCG(uint64(n), uint64(minute/(2+n%3))))
		c := on(fmt.Sprint("pg-", min(1, n/10)), n)
		c.Labels[OwnerLabel] = fmt.Sprint("team-", minute/13%3)
		c.For = time.Duration(n%3) * time.Minute
		c.Holds = spell.IntN(3) == 0 || outage && n < 10
		c.Unknown = spell.IntN(9) == 0
		all = append(all, c)
	}
	return all
}

func openScripted(dir string, minute int) (*Engine, error) {
	return Open(Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), Folding: ofClusters(10)}, at(float64(minute)))
}

// heard is all that an Alertmanager would be told, in one line.
func heard(e *Engine) string {
	var all []string
	for _, a := range e.Alerts() {
		if !a.StartsAt.IsZero() && !a.Withheld {
			all = append(all, fmt.Sprint(a.Fingerprint(), a.StartsAt.Unix(), a.EndsAt.Unix()))
		}
	}
	content, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(content)
}

// mortal evaluates minute after minute, saying when it begins and what it told, until it is killed.
func mortal(ctx context.Context, dir, from string) int {
	minute, err := strconv.Atoi(from)
	if err != nil {
		return 2
	}
	e, err := openScripted(dir, minute)
	if err != nil {
		fmt.Println("error", err)
		return 2
	}
	for {
		fmt.Println("begin", minute, "")
		e.Evaluate(ctx, at(float64(minute)), script(minute))
		fmt.Println("told", minute, heard(e))
		minute++
	}
}

// TestKill kills a process two hundred times around its evaluations and starts it again with the minute that it was in.
// What it tells must at each minute be what one that is never killed tells: nothing is lost, ended or begun anew.
func TestKill(t *testing.T) {
	reference, err := openScripted(t.TempDir(), 0)
	require.NoError(t, err)
	var want []string
	tells := func(minute int) string {
		for len(want) <= minute {
			reference.Evaluate(t.Context(), at(float64(len(want))), script(len(want)))
			want = append(want, heard(reference))
		}
		return want[minute]
	}
	random := rand.New(rand.NewPCG(20260302, 7))
	dir, next := t.TempDir(), 0
	for round := range kills {
		lines := 1 + random.IntN(12)
		for _, line := range lived(t, dir, next, lines) {
			word, rest, _ := strings.Cut(line, " ")
			number, told, whole := strings.Cut(rest, " ")
			minute, err := strconv.Atoi(number)
			require.NoError(t, err, line)
			if word == "told" && whole && strings.HasSuffix(told, "]") {
				require.Equal(t, tells(minute), told, "round %d minute %d", round, minute)
				next = minute + 1
			}
		}
	}
	require.Greater(t, next, kills, "it got on")
	require.Greater(t, strings.Count(strings.Join(want, ""), `"`), 2*len(want), "something was told")
}

// lived starts the process, kills it after it has said some lines, and returns all that it said.
func lived(t *testing.T, dir string, from, lines int) []string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), mortalDir+"="+dir, mortalFrom+"="+strconv.Itoa(from))
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	reader := bufio.NewReader(out)
	var said []string
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		said = append(said, strings.TrimSuffix(line, "\n"))
		if len(said) == lines {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait())
	status, known := child.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, known && status.Signaled(), "it was killed and did not end by itself: %v", said)
	return said
}
