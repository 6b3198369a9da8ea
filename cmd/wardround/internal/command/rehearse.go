package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/collectors/backup/rehearse"
)

func rehearseCommand(k *kingpin.Application) command {
	c := k.Command("rehearse", "Restore the newest backup of a tenant into a scratch PostgreSQL, check what came back, measure how long it took, and remove it.\n\n"+
		"Example: wardround rehearse --tenant=north --storage.path=/var/lib/wardround")
	o := app.RehearseOptions{}
	c.Flag("config.file", "The configuration file.").Default("wardround.yaml").StringVar(&o.ConfigFile)
	c.Flag("storage.path", "The daemon's storage directory, where the result is put on record; it may run.").StringVar(&o.Storage)
	c.Flag("tenant", "The tenant.").Required().StringVar(&o.Tenant)
	c.Flag("place", "Name of the place to restore from; the one with the newest backup, if left out.").StringVar(&o.Place)
	c.Flag("dir", "Folder for the scratch server and what it restores; rehearsals.dir of the configuration, if left out.").StringVar(&o.Dir)
	format := c.Flag("format", "The format.").Default("text").Enum("text", "json")
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // everything is removed in any case
		defer stop()
		bar := newProgress(p.Stderr, "rehearsal")
		o.Progress = func(at rehearse.Progress) { bar.describe(string(at.Stage)); bar.at(at.Done, at.Total) }
		result, err := app.Rehearse(ctx, o, logger)
		bar.end()
		if result.Started.IsZero() {
			return err
		}
		return errors.Join(err, writeRehearsal(p.Stdout, *format, result))
	}}
}

func writeRehearsal(w io.Writer, format string, r rehearse.Result) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, format string, args ...any) { fmt.Fprintf(t, what+"\t"+format+"\n", args...) }
	outcome := "can be recovered"
	if !r.Success {
		outcome = fmt.Sprintf("NOT recovered: %s, in stage %s", r.Reason, r.Stage)
	}
	line("tenant "+r.Tenant, "%s", outcome)
	line("backup", "%s of %s in %s, %s", r.Type, r.BackupTime.Format(time.RFC3339), r.Place, megabytes(r.BackupBytes))
	line("recovery time", "%s", span(r.RecoverySeconds))
	line("would be lost", "%s", span(r.LostSeconds))
	if r.Tables > 0 {
		writeRestored(line, r)
	}
	var stages []string
	for _, s := range []rehearse.Stage{rehearse.StagePrepare, rehearse.StageFetch, rehearse.StageStart, rehearse.StageRestore, rehearse.StageCheck, rehearse.StageRemove} {
		if seconds, ok := r.Seconds[s]; ok {
			stages = append(stages, fmt.Sprintf("%s %.1fs", s, seconds))
		}
	}
	line("took", "%s", strings.Join(stages, ", "))
	line("removed", "%t", r.Removed)
	return t.Flush()
}

// writeRestored writes what came back.
func writeRestored(line func(what, format string, args ...any), r rehearse.Result) {
	line("versions", "PostgreSQL %s, Odoo base %s", r.Postgres, r.Odoo)
	newest := "unknown"
	if !r.NewestWrite.IsZero() {
		newest = r.NewestWrite.Format(time.RFC3339)
	}
	line("restored", "%s in %d tables; newest write %s", megabytes(r.DatabaseBytes), r.Tables, newest)
	for _, table := range slices.Sorted(maps.Keys(r.Rows)) {
		note := ""
		if slices.Contains(r.OutOfBounds, table) {
			note = "  far from the live table"
		}
		line("", "%d rows in %s%s", r.Rows[table], table, note)
	}
	if r.Attachments.Sampled > 0 {
		line("attachments", "%d looked for, %d missing, %d different", r.Attachments.Sampled, r.Attachments.Missing, r.Attachments.Different)
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func span(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return model.Duration(time.Duration(seconds) * time.Second).String()
}
