package command

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/slo/evidence"
)

func evidenceVerifyCommand(k *kingpin.Application) command {
	c := k.Command("evidence", "The record of what was decided and seen.").
		Command("verify", "Prove that the evidence is whole: that no line was changed, added, moved or removed. The daemon may go on meanwhile.\n\n"+
			"Example: wardround evidence verify --storage.path=/var/lib/wardround --head=$(cat head-of-october)")
	storage := storageFlag(c)
	heads := c.Flag("head", "A head that was printed earlier and kept elsewhere, and must be part of the record; may be repeated.").Strings()
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		var kept []evidence.Head
		for _, text := range *heads {
			head, err := evidence.ParseHead(text)
			if err != nil {
				return fmt.Errorf("--head=%s: %w", text, err)
			}
			kept = append(kept, head)
		}
		file, err := os.Open(filepath.Join(*storage, evidence.FileName))
		if err != nil {
			return fmt.Errorf("open the evidence: %w", err)
		}
		defer file.Close()
		r, err := evidence.Verify(bufio.NewReader(file), kept...)
		if err != nil {
			return fmt.Errorf("read the evidence: %w", err)
		}
		return tellEvidence(p, file.Name(), r)
	}}
}

func tellEvidence(p Process, name string, r evidence.Result) error {
	for _, f := range r.Faults {
		fmt.Fprintf(p.Stdout, "%s:%d: %s\n", name, f.Line, f)
	}
	if !r.Whole() {
		fmt.Fprintf(p.Stdout, "%s is NOT whole: the chain is broken at %d places\n", name, r.Broken)
		return errSaid
	}
	fmt.Fprintf(p.Stdout, "%s is whole: %d lines", name, r.Lines)
	if r.Lines > 0 {
		fmt.Fprintf(p.Stdout, " from %s to %s", r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	}
	fmt.Fprintf(p.Stdout, "\nhead %s\n", r.Head)
	return nil
}
