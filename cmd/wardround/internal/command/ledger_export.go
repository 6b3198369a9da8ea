package command

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/ledger"
)

func ledgerExportCommand(k *kingpin.Application) command {
	c := ledgerClause(k).Command("export", "Write the raw minutes, one line for each instance and minute: as CSV, which `wardround simulate --csv` reads, or as JSON lines, which also say what is excluded and which histories ended.\n\n"+
		"Example: wardround ledger export --from=90d --objective=login --output=login.csv")
	file, storage, when := configFlag(c), storageFlag(c), stretchFlags(c)
	objectives := c.Flag("objective", "Name of an objective; all, if left out; may be repeated.").Strings()
	format := c.Flag("format", "The format.").Default("csv").Enum("csv", "jsonl")
	output := c.Flag("output", "The file to write; standard output, if left out.").String()
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		return offline(*file, *storage, false, logger, func(o *app.Offline) error {
			if err := errors.Join(o.Except(), define(o)); err != nil {
				return err
			}
			through := o.Ledger.Through()
			from, to, err := when.bounds(through, through.Add(-o.Config.Ledger.Retention), through)
			if err != nil {
				return err
			}
			wanted := func(i slo.Instance) bool { return len(*objectives) == 0 || slices.Contains(*objectives, i.Objective) }
			return into(p, *output, func(w io.Writer) error {
				return export(ctx, w, o.Ledger, *format, from, to, wanted)
			})
		})
	}}
}

// into writes to a file, or to standard output where none is named. A file that could not be
// written whole is removed.
func into(p Process, name string, write func(io.Writer) error) (err error) {
	out := p.Stdout
	if name != "" {
		file, err := os.Create(name)
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		defer func() {
			err = errors.Join(err, file.Close())
			if err != nil {
				err = errors.Join(err, os.Remove(name))
			}
		}()
		out = file
	}
	buffer := bufio.NewWriterSize(out, 1<<16)
	if err := write(buffer); err != nil {
		return err
	}
	return buffer.Flush()
}

func export(ctx context.Context, w io.Writer, book *ledger.Ledger, format string, from, to time.Time, wanted func(slo.Instance) bool) error {
	if format == "jsonl" {
		lines := json.NewEncoder(w)
		return book.Minutes(from, to, wanted, func(e *ledger.Entry) error { return errors.Join(ctx.Err(), lines.Encode(e)) })
	}
	labels := labelsOf(book, wanted)
	table := csv.NewWriter(w)
	row := append(append([]string{"minute", "objective"}, labels...), "good", "bad", "carried")
	if err := table.Write(row); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	var minute time.Time
	told := true // whether the minute has a row
	// A minute in which others alone were measured was watched: its row holds nothing else.
	finish := func() error {
		if told {
			return nil
		}
		row = append(append(row[:0], minute.Format(time.RFC3339)), make([]string, len(labels)+4)...)
		return table.Write(row)
	}
	err := book.Minutes(from, to, func(slo.Instance) bool { return true }, func(e *ledger.Entry) error {
		if !e.Minute.Equal(minute) {
			if err := finish(); err != nil {
				return err
			}
			minute, told = e.Minute, false
		}
		if !e.Until.IsZero() || !wanted(e.Instance) { // of a history that ended: two would stand in one minute
			return ctx.Err()
		}
		told = true
		row = append(row[:0], e.Minute.Format(time.RFC3339), e.Instance.Objective)
		for _, name := range labels {
			row = append(row, e.Instance.Get(name))
		}
		carried := ""
		if !e.Measured {
			carried = "true"
		}
		row = append(row, strconv.FormatUint(e.Good, 10), strconv.FormatUint(e.Bad, 10), carried)
		return errors.Join(ctx.Err(), table.Write(row))
	})
	err = errors.Join(err, finish())
	table.Flush()
	return errors.Join(err, table.Error())
}

// labelsOf are the names of all labels that instances have, sorted.
func labelsOf(book *ledger.Ledger, wanted func(slo.Instance) bool) []string {
	names := map[string]bool{}
	for i := range book.Instances() {
		if wanted(i) {
			for name := range i.Labels() {
				names[name] = true
			}
		}
	}
	return sortedKeys(names)
}
