package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
)

func reportCommand(k *kingpin.Application) command {
	c := k.Command("report", "Write the report on a month: from a running daemon, or from the storage directory of one that is not running.\n\n"+
		"Example: wardround report --month=2026-10 --from=http://127.0.0.1:9797 --output=october.pdf")
	file, storage := configFlag(c), storageFlag(c)
	month := c.Flag("month", "The month, such as 2026-10; the last one by default.").String()
	from := c.Flag("from", "URL of a running daemon to ask instead of reading its storage.").String()
	output := c.Flag("output", "The file to write; its ending (html, pdf, csv, json) says the format.").Default("report.pdf").String()
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		if *month == "" {
			*month = time.Now().AddDate(0, 0, -time.Now().Day()).Format("2006-01")
		}
		format := strings.TrimPrefix(filepath.Ext(*output), ".")
		if _, known := app.ReportFormats()[format]; !known {
			return fmt.Errorf("--output=%s: the ending must be one of %s", *output, strings.Join(sortedKeys(app.ReportFormats()), ", "))
		}
		var out strings.Builder
		if err := makeReport(ctx, &out, *from, *file, *storage, *month, format, logger); err != nil {
			return err
		}
		return writeFile(p, *output, []byte(out.String()))
	}}
}

func makeReport(ctx context.Context, w io.Writer, from, file, storage, month, format string, logger *slog.Logger) error {
	if from != "" {
		return fetchReport(ctx, w, from, month, format)
	}
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	return app.OfflineReport(w, c, storage, month, format, logger)
}

// fetchReport asks a running daemon, which alone may read its ledger.
func fetchReport(ctx context.Context, w io.Writer, from, month, format string) error {
	url := strings.TrimRight(from, "/") + "/reports/" + month + "." + format
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("the daemon answered %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	_, err = io.Copy(w, response.Body)
	return err
}
