package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
	"github.com/wardround/wardround/slo/report"
)

// Report writes the report on a month (2026-09) in a format: html, pdf, csv or json.
func (a *App) Report(w io.Writer, month, format string) error {
	a.mu.Lock()
	s := reported{a.config.Load(), a.objectives.ledger, a.tenants.Current().All(), a.excluded.Load().standing()}
	a.mu.Unlock()
	sum := sha256.New()
	if err := s.write(io.MultiWriter(w, sum), month, format); err != nil {
		return err
	}
	issued(a.witness.evident, s.config, month, format, sum.Sum(nil))
	return nil
}

// issued puts on record that a report was handed out, once its month has ended: before, it is a draft.
func issued(evident func(at time.Time, kind, who string, payload any), c *config.Config, month, format string, sum []byte) {
	m, err := report.ParseMonth(month, c.Zone)
	if err != nil {
		return // it was written, so it is one
	}
	now := time.Now()
	if from, to := m.Bounds(); !to.After(now) {
		evident(now, evidence.KindReportIssued, evidence.Self, evidence.ReportIssued{
			From: from.UTC(), To: to.UTC(), Format: format, SHA256: hex.EncodeToString(sum),
		})
	}
}

// OfflineReport writes the same from the storage directory of a daemon that is not running.
func OfflineReport(w io.Writer, c *config.Config, storage, month, format string, logger *slog.Logger) (err error) {
	if _, err := report.ParseMonth(month, c.Zone); err != nil {
		return err
	}
	o, err := OpenOffline(c, storage, false, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := o.Except(); err != nil {
		return err
	}
	sum := sha256.New()
	if err := (reported{c, o.Ledger, o.tenants.All(), o.Exclusions()}).write(io.MultiWriter(w, sum), month, format); err != nil {
		return err
	}
	log, err := evidence.Open(storage, evidence.DefaultOptions())
	if err != nil {
		return fmt.Errorf("put the report on record: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	issued((&witness{log: log, say: func(failed error) { err = failed }}).evident, c, month, format, sum.Sum(nil))
	return err
}

// reported is what a report is made of. The exclusions lie over the ledger already.
type reported struct {
	config     *config.Config
	ledger     *ledger.Ledger
	tenants    []collectors.Tenant
	exclusions []slo.Exclusion
}

func (r reported) write(w io.Writer, month, format string) error {
	m, err := report.ParseMonth(month, r.config.Zone)
	if err != nil {
		return err
	}
	in := report.Input{
		Platform: r.config.Platform, Month: m, Issued: time.Now().Truncate(time.Minute), Objectives: r.config.Objectives,
		Through: r.ledger.Through(), Exclusions: r.exclusions,
	}
	for _, t := range r.tenants {
		in.Tenants = append(in.Tenants, report.Tenant{Name: t.Name, Tier: t.Tier, Region: t.Region})
	}
	if err := r.read(&in); err != nil {
		return fmt.Errorf("read the record of %s: %w", m, err)
	}
	model, err := report.Build(in)
	if err != nil {
		return err
	}
	return write(model, w, format)
}

// read fills in the days of the month, and the periods that were closed within it.
func (r reported) read(in *report.Input) error {
	err := r.ledger.Walk(in.Month.Edges(), func(s ledger.Slice) error {
		if !s.From.After(in.Issued) {
			in.Days = append(in.Days, report.Day{From: s.From, To: s.To, Tallies: maps.Collect(s.All())})
		}
		return nil
	})
	if err != nil {
		return err
	}
	closed, err := r.ledger.Closed(in.Month.Bounds())
	for _, c := range closed {
		in.Closed = append(in.Closed, report.Closed{
			Instance: c.Instance, From: c.From, To: c.To, At: c.ClosedAt, Tier: c.Tier, Target: c.Target, Status: c.Status,
			Recorded: c.Recorded, Judged: c.Judged, Exclusions: c.Exclusions,
		})
	}
	return err
}

// ReportFormats are those that Report knows, with their media types.
func ReportFormats() map[string]string {
	return map[string]string{
		"html": "text/html; charset=utf-8", "pdf": "application/pdf",
		"csv": "text/csv; charset=utf-8", "json": "application/json; charset=utf-8",
	}
}

func write(m report.Model, w io.Writer, format string) error {
	switch format {
	case "html":
		return m.WriteHTML(w)
	case "pdf":
		return m.WritePDF(w)
	case "csv":
		return m.WriteCSV(w)
	case "json":
		return m.WriteJSON(w)
	}
	return fmt.Errorf("%q is not a format of the report; use html, pdf, csv or json", format)
}

// tenantsFile keeps who the tenants were, for reports that are made while nobody is visited.
const tenantsFile = "tenants.json"

func saveTenants(dir string, tenants []collectors.Tenant) error {
	data, err := json.Marshal(tenants)
	if err != nil {
		return fmt.Errorf("encode tenants: %w", err)
	}
	return replaceFile(filepath.Join(dir, tenantsFile), data)
}

func loadTenants(dir string) ([]collectors.Tenant, error) {
	data, err := os.ReadFile(filepath.Join(dir, tenantsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read tenants: %w", err)
	}
	var tenants []collectors.Tenant
	if err := json.Unmarshal(data, &tenants); err != nil {
		return nil, fmt.Errorf("read %s: %w", tenantsFile, err)
	}
	return tenants, nil
}
