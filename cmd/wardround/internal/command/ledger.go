package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/ledger"
)

func ledgerClause(k *kingpin.Application) *kingpin.CmdClause {
	if c := k.GetCommand("ledger"); c != nil {
		return c
	}
	return k.Command("ledger", "The record of good and bad minutes. A running daemon holds it: stop it first, or ask its API.")
}

// offline runs work on the storage of a daemon that is not running.
func offline(file, storage string, write bool, logger *slog.Logger, work func(*app.Offline) error) (err error) {
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	o, err := app.OpenOffline(c, storage, write, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return work(o)
}

func ledgerShowCommand(k *kingpin.Application) command {
	c := ledgerClause(k).Command("show", "Say what the ledger holds: of each objective how many instances, and what they did in a stretch of time.\n\n"+
		"Example: wardround ledger show --storage.path=/var/lib/wardround --from=30d")
	file, storage, when := configFlag(c), storageFlag(c), stretchFlags(c)
	return command{c, func(_ context.Context, p Process, logger *slog.Logger) error {
		return offline(*file, *storage, false, logger, func(o *app.Offline) error {
			if err := errors.Join(o.Except(), define(o)); err != nil {
				return err
			}
			through := o.Ledger.Through()
			if through.IsZero() {
				_, err := fmt.Fprintln(p.Stdout, "the ledger is empty")
				return err
			}
			from, to, err := when.bounds(through, through.Add(-30*slo.Day), through)
			if err != nil {
				return err
			}
			return showLedger(p, o, from, to)
		})
	}}
}

// define lets a ledger that is only read tell living histories from ended ones.
func define(o *app.Offline) error {
	_, err := o.Ledger.Define(o.Config.Objectives)
	return err
}

func showLedger(p Process, o *app.Offline, from, to time.Time) error {
	type row struct {
		instances int
		slo.Tally
	}
	rows := map[string]row{}
	err := o.Ledger.Walk([]time.Time{from, to}, func(s ledger.Slice) error {
		for i, t := range s.All() {
			r := rows[i.Objective]
			r.instances++
			r.Counts = r.Counts.Add(t.Counts)
			r.Measured, r.Expected, r.Excluded = r.Measured+t.Measured, r.Expected+t.Expected, r.Excluded+t.Excluded
			rows[i.Objective] = r
		}
		return nil
	})
	if err != nil {
		return err
	}
	stats := o.Ledger.Stats()
	fmt.Fprintf(p.Stdout, "%d instances, %.1f MB, through %s\n%s to %s:\n", stats.Instances, float64(stats.Bytes)/1e6,
		o.Ledger.Through().Format(time.RFC3339), from.Format(time.RFC3339), to.Format(time.RFC3339))
	if need, known := aYear(o.Ledger, o.Config.Ledger.Retention); known {
		fmt.Fprintf(p.Stdout, "as it grew so far, a year needs %.2f GB\n", need/1e9)
	}
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "objective\tinstances\tgood\tbad\tmeasured min\tmissing min\texcluded min\t")
	for _, name := range sortedKeys(rows) {
		r := rows[name]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, r.instances, r.Good, r.Bad, r.Measured, r.Missing(), r.Excluded)
	}
	return w.Flush()
}

// aYear is how many bytes a year of the record takes if it is like what there is of it.
func aYear(book *ledger.Ledger, retention time.Duration) (bytes float64, known bool) {
	first := book.Through()
	for _, began := range book.Instances() {
		if began.Before(first) {
			first = began
		}
	}
	age := book.Through().Sub(first)
	if age < slo.Day {
		return 0, false
	}
	return float64(book.Stats().Bytes) * float64(365*slo.Day) / float64(min(age, retention)), true
}

func ledgerCheckCommand(k *kingpin.Application) command {
	c := ledgerClause(k).Command("check", "Read the whole ledger and say whether every number in it is what was written.\n\n"+
		"Example: wardround ledger check --storage.path=/var/lib/wardround")
	storage := storageFlag(c)
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) (err error) {
		book, err := ledger.Open(*storage, ledger.Options{Retention: ledger.DefaultOptions().Retention, ReadOnly: true, Logger: logger})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, book.Close()) }()
		r, err := book.Check(ctx)
		if err != nil {
			return err
		}
		out := json.NewEncoder(p.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return fmt.Errorf("print what was found: %w", err)
		}
		if r.FaultCount > 0 {
			return errSaid
		}
		return nil
	}}
}

func ledgerCompactCommand(k *kingpin.Application) command {
	c := ledgerClause(k).Command("compact", "Rewrite the ledger as small as it gets, without what is past its retention.\n\n"+
		"Example: wardround ledger compact --storage.path=/var/lib/wardround")
	file, storage := configFlag(c), storageFlag(c)
	return command{c, func(_ context.Context, p Process, logger *slog.Logger) error {
		conf, err := config.Load(*file)
		if err != nil {
			return err
		}
		before, after, err := ledger.Compact(*storage, ledger.Options{Retention: conf.Ledger.Retention, Logger: logger})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.Stdout, "%.1f MB before, %.1f MB now\n", float64(before)/1e6, float64(after)/1e6)
		return err
	}}
}
