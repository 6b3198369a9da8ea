// Command bench sets Wardround beside the exporters that Debian ships and prints what each costs:
//
//	go run ./testdata/bench           200 tenants and 1,000 synthetic ones; twelve minutes
//	go run ./testdata/bench -quick    20 and 200; ten minutes, to try it out
//
// The data's way: stage.go starts a PostgreSQL of its own and seeds tenants' databases; rivals.go
// starts the exporters on it, one after the other, all as the same role and with the Odoo queries
// of queries.yaml; watch.go counts connections and processor time (meter.go) while each is scraped
// (scrape.go) once a minute on an idle platform, and trouble.go looks at a scrape on a bad day.
// memory.go watches another process of this program, which holds what Wardround holds of 1,000
// synthetic tenants (hold.go). burn.go asks a Prometheus for the burn rates that Wardround computes. sweep.go is one visitor of a
// thousand small databases. Everything ends up in a table (table.go). Whatever is started ends with the command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// plan is how much is measured, and for how long.
type plan struct {
	wardround string        // the built binary
	databases int           // real tenants
	tenants   int           // synthetic tenants
	steady    time.Duration // how long Wardround is watched; the others for half of it
	only      string        // one of the parts, or all of them where empty
	bare      bool          // with hold: without promises
	hold      string        // address on which this process serves synthetic tenants, and nothing else
}

func (p plan) wants(part string) bool { return p.only == "" || p.only == part }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && p.hold != "":
		err = hold(ctx, p.hold, p.tenants, p.bare)
	case err == nil:
		err = measure(ctx, p, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func parse(args []string) (plan, error) {
	p := plan{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "measure fewer tenants, to try it out")
	flags.StringVar(&p.wardround, "wardround", "bin/wardround", "the built binary")
	flags.StringVar(&p.only, "only", "", "one part: memory, burn, sweep, exporters, or one exporter by its name")
	flags.StringVar(&p.hold, "hold", "", "serve synthetic tenants at this address and measure nothing; the part memory starts itself so")
	flags.BoolVar(&p.bare, "bare", false, "with -hold: promise nothing")
	flags.IntVar(&p.databases, "databases", 200, "tenants' databases that are seeded")
	flags.IntVar(&p.tenants, "tenants", 1000, "synthetic tenants")
	flags.DurationVar(&p.steady, "steady", 2*time.Minute, "how long Wardround is watched on the idle platform")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if *quick {
		p.databases, p.tenants, p.steady = 20, 200, time.Minute
	}
	var err error
	p.wardround, err = filepath.Abs(p.wardround)
	return p, err
}

// measure makes all parts of the plan one after the other, so that none disturbs another.
func measure(ctx context.Context, p plan, out io.Writer) error {
	began := time.Now()
	if p.wants("memory") {
		say(out, "%d synthetic tenants: a first round, then a minute of scrapes\n", p.tenants)
		if err := measureMemory(ctx, p, out); err != nil {
			return fmt.Errorf("measure memory: %w", err)
		}
	}
	if p.wants("burn") {
		if err := measureBurn(ctx, out); err != nil {
			return fmt.Errorf("measure burn rates: %w", err)
		}
	}
	if p.wants("sweep") {
		if err := measureSweep(ctx, p, out); err != nil {
			return fmt.Errorf("measure a sweep: %w", err)
		}
	}
	if !slices.Contains([]string{"memory", "burn", "sweep"}, p.only) {
		if err := measureExporters(ctx, p, out); err != nil {
			return fmt.Errorf("measure exporters: %w", err)
		}
	}
	say(out, "\nmeasured in %s\n", time.Since(began).Round(time.Second))
	return nil
}

// say tells people what happens. Where nobody can be told, the work goes on.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
