package command

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
)

// stretchFlags are how commands are told a stretch of time.
func stretchFlags(c *kingpin.CmdClause) *stretch {
	var s stretch
	c.Flag("from", "Where it begins: 2026-10-01, 2026-10-01T06:00:00Z, or how long ago, such as 90d.").StringVar(&s.from)
	c.Flag("to", "Where it ends, in the same way.").StringVar(&s.to)
	return &s
}

func backfillCommand(k *kingpin.Application) command {
	c := k.Command("backfill", "Fill the ledger with what a Prometheus-compatible source knows of the past. Minutes that are on record stand, so it may be done again. The daemon must not run.\n\n"+
		"Example: wardround backfill --source=fleet --from=90d --storage.path=/var/lib/wardround")
	file, storage, when := configFlag(c), storageFlag(c), stretchFlags(c)
	source := c.Flag("source", "Name of the source in the configuration.").Required().String()
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		return offline(*file, *storage, true, logger, func(o *app.Offline) error {
			now := slo.Minute(time.Now())
			from, to, err := when.bounds(now, now.Add(-30*slo.Day), now)
			if err != nil {
				return err
			}
			bar := newProgress(p.Stderr, "minutes from "+*source)
			var last promsource.Progress
			err = o.Backfill(ctx, *source, from, to, func(at promsource.Progress) {
				last = at
				bar.at(at.Done, at.Total)
			})
			bar.end()
			if err != nil {
				return fmt.Errorf("%w; %d of %d minutes are filled in, and doing it again goes on from there", err, last.Done, last.Total)
			}
			fmt.Fprintf(p.Stdout, "%d minutes from %s to %s filled in, of %d samples\n", last.Total, from.Format(time.RFC3339), to.Format(time.RFC3339), last.Samples)
			return nil
		})
	}}
}
