package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
	"github.com/wardround/wardround/slo/simulate"
)

// rehearsal is what is asked of simulate.
type rehearsal struct {
	file, storage, objective, csv, source, format, output string
	variants                                              []string
	when                                                  *stretch
}

func simulateCommand(k *kingpin.Application) command {
	c := k.Command("simulate", "Replay what was recorded of an objective through other targets, windows and policies, and show which pages would have come and when budgets would have ended.\n\n"+
		"Example: wardround simulate login --variant=target=99.9% --variant='name=calm, target=99%, policy=tickets' --from=90d")
	r := rehearsal{when: stretchFlags(c)}
	c.Flag("config.file", "The configuration file.").Default("wardround.yaml").StringVar(&r.file)
	c.Flag("storage.path", "Directory of the ledger to replay, for which the daemon must not run; tiers and exclusions are read from it in any case.").Default("data").StringVar(&r.storage)
	c.Flag("csv", "Replay this file, as `wardround ledger export` writes it, instead of the ledger; - is standard input.").StringVar(&r.csv)
	c.Flag("source", "Replay what this source of the configuration knows, instead of the ledger.").StringVar(&r.source)
	c.Flag("variant", "What is to be different: target=99.5%, target.dedicated=99.9%, target.tenants.north=99.95%, window=month@Europe/Berlin, policy=tickets, no_data, min_coverage, min_bad, budget_spent, name; may be repeated.").StringsVar(&r.variants)
	c.Flag("format", "The format.").Default("text").EnumVar(&r.format, "text", "json", "alerts-csv", "instances-csv")
	c.Flag("output", "The file to write; standard output, if left out.").StringVar(&r.output)
	c.Arg("objective", "Name of the objective.").Required().StringVar(&r.objective)
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error { return r.run(ctx, p, logger) }}
}

func (r *rehearsal) run(ctx context.Context, p Process, logger *slog.Logger) error {
	c, err := config.Load(r.file)
	if err != nil {
		return err
	}
	variants, err := r.choose(c)
	if err != nil {
		return err
	}
	opts := simulate.Options{Variants: variants}
	if opts.Tier, opts.Exclusions, err = app.Surroundings(c, r.storage); err != nil {
		return err
	}
	history, err := r.history(ctx, p, c, &opts, logger)
	if err != nil {
		return err
	}
	if history.From().IsZero() {
		return fmt.Errorf("nothing is on record of objective %q; `wardround backfill` fills in what a Prometheus knows", r.objective)
	}
	if opts.From, opts.To, err = r.when.bounds(time.Now(), history.From(), history.To()); err != nil {
		return err
	}
	bar := newProgress(p.Stderr, "instances replayed")
	opts.Progress = func(done, all int) { bar.at(int64(done), int64(all)) }
	result, err := simulate.Run(ctx, history, opts)
	bar.end()
	if err != nil {
		return err
	}
	return into(p, r.output, func(w io.Writer) error { return r.write(w, result) })
}

// choose makes the variants: first the objective as it is.
func (r *rehearsal) choose(c *config.Config) ([]simulate.Variant, error) {
	at := slices.IndexFunc(c.Objectives, func(o slo.Objective) bool { return o.Name == r.objective })
	if at < 0 {
		return nil, fmt.Errorf("there is no objective %q in %s", r.objective, r.file)
	}
	all := []simulate.Variant{{Name: "as it is", Objective: c.Objectives[at]}}
	for _, text := range r.variants {
		v, err := simulate.ParseVariant(c.Objectives[at], c.Policies, text)
		if err != nil {
			return nil, fmt.Errorf("--variant=%s: %w", text, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// history reads what is replayed, from one of three places, and what lies over it.
func (r *rehearsal) history(ctx context.Context, p Process, c *config.Config, opts *simulate.Options, logger *slog.Logger) (history *simulate.History, err error) {
	switch {
	case r.csv != "" && r.source != "":
		return nil, errors.New("--csv and --source exclude each other")
	case r.csv == "-":
		return simulate.Load(simulate.ReadCSV("standard input", p.Stdin), r.objective)
	case r.csv != "":
		file, err := os.Open(r.csv)
		if err != nil {
			return nil, fmt.Errorf("--csv: %w", err)
		}
		defer file.Close()
		return simulate.Load(simulate.ReadCSV(r.csv, file), r.objective)
	case r.source != "":
		now := slo.Minute(time.Now())
		from, to, err := r.when.bounds(now, now.Add(-30*slo.Day), now)
		if err != nil {
			return nil, err
		}
		bar := newProgress(p.Stderr, "minutes from "+r.source)
		defer bar.end()
		return app.HistoryOf(ctx, c, r.source, opts.Variants[0].Objective, from, to,
			func(at promsource.Progress) { bar.at(at.Done, at.Total) }, logger)
	}
	o, err := app.OpenOffline(c, r.storage, false, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := define(o); err != nil {
		return nil, err
	}
	return o.History(r.objective, o.Ledger.Through())
}

func (r *rehearsal) write(w io.Writer, result *simulate.Result) error {
	switch r.format {
	case "json":
		return result.WriteJSON(w)
	case "alerts-csv":
		return result.WriteAlertsCSV(w)
	case "instances-csv":
		return result.WriteInstancesCSV(w)
	}
	return result.WriteText(w, simulate.DefaultTextOptions())
}
