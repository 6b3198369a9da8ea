package command

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
)

var update = flag.Bool("update", false, "write what the scripts compare with anew")

// The test binary is wardround itself where a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"wardround": func() {
			os.Exit(Run(Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
		},
	})
}

// TestScripts runs the command line as people do: each script of testdata/ is one thing to be done.
func TestScripts(t *testing.T) {
	dir, err := filepath.Abs("../../../../testdata")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "record": record},
	})
}

// fails runs a command that must end with an exit code: fails CODE COMMAND [ARGS...].
func fails(script *testscript.TestScript, _ bool, args []string) {
	var exit *exec.ExitError
	if err := script.Exec(args[1], args[2:]...); !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		script.Fatalf("ended with %v instead of exit code %s", err, args[0])
	}
}

// record fills a storage directory: record DIRECTORY. Two tenants' login pages are asked twice a
// minute for three days, and south's fail from noon of the second day for ten minutes. There is
// evidence of it too, and in the directory "changed" the same with a letter changed.
func record(script *testscript.TestScript, _ bool, args []string) {
	dir := script.MkAbs(args[0])
	script.Check(recordLedger(dir))
	log, err := evidence.Open(dir, evidence.DefaultOptions())
	script.Check(err)
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	gap := evidence.WatchGap{From: at, To: at.Add(time.Hour), Minutes: 60}
	script.Check(log.AppendAll([]evidence.Event{
		{At: at, Kind: evidence.KindWatchGap, Who: evidence.Self, Payload: gap},
		{At: at, Kind: evidence.KindWatchGap, Who: evidence.Self, Payload: gap},
	}))
	script.Check(log.Close())
	data, err := os.ReadFile(filepath.Join(dir, evidence.FileName))
	script.Check(err)
	script.Check(os.MkdirAll(script.MkAbs("changed"), 0o700))
	script.Check(os.WriteFile(filepath.Join(script.MkAbs("changed"), evidence.FileName), bytes.Replace(data, []byte("60"), []byte("61"), 1), 0o600))
}

func recordLedger(dir string) error {
	book, err := ledger.Open(dir, ledger.DefaultOptions())
	if err != nil {
		return err
	}
	objectives, err := slo.Catalogue()
	if err != nil {
		return err
	}
	if _, err := book.Define(objectives); err != nil {
		return err
	}
	north := slo.NewInstance("login", slo.Label{Name: "tenant", Value: "north"})
	south := slo.NewInstance("login", slo.Label{Name: "tenant", Value: "south"})
	from := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	_, err = book.AddAll(func(yield func(time.Time, []slo.Delta) bool) {
		for minute := range 3 * 24 * 60 {
			good, fails := slo.Counts{Good: 2}, slo.Counts{Good: 2}
			if outage := minute - 36*60; outage >= 0 && outage < 10 {
				fails = slo.Counts{Bad: 2}
			}
			if !yield(from.Add(time.Duration(minute)*time.Minute), []slo.Delta{{Instance: north, Counts: good}, {Instance: south, Counts: fails}}) {
				return
			}
		}
	})
	last := from.Add(3*slo.Day - time.Minute)
	return errors.Join(err, book.Append(last, nil), book.Close())
}
