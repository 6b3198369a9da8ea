package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
)

// files of a platform with one promise over calendar months and one over a rolling window; the second exclusion was made
// when the month had been closed.
var reportedFiles = map[string]string{
	"wardround.yaml":  "targets: {redis: [{name: cache, address: '127.0.0.1:6379'}]}\nobjectives: {files: [own.yaml], exclusions: [exclusions.yaml]}\n",
	"own.yaml":        reportedPromise + "name: monthly\nwindow: {calendar: month}\n---\n" + reportedPromise + "name: rolling\n",
	"exclusions.yaml": reportedExclusion + "id: update\nfrom: 2026-03-31T10:00:00Z\n---\n" + reportedExclusion + "id: forgotten\nfrom: 2026-03-31T20:00:00Z\n",
}

const (
	reportedPromise   = "question: healthy\ntitle: Works\nindicator: {events: {good: x, total: y}}\ntargets: 99%\n"
	reportedExclusion = "scope: {}\nduration: 1h\ncategory: correction\napprover: Head of Operations\nreason: The probe's host had no network.\n"
)

// TestReportOfClosedMonth reports on a month that was closed with one exclusion, while two lie over its record.
func TestReportOfClosedMonth(t *testing.T) {
	dir := t.TempDir()
	for name, text := range reportedFiles {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	t.Chdir(dir)
	c, err := config.Load("wardround.yaml")
	require.NoError(t, err)
	recordMonth(t, dir, c)

	var out bytes.Buffer
	require.NoError(t, app.OfflineReport(&out, c, dir, "2026-03", "json", slog.New(slog.DiscardHandler)))
	type row struct {
		Objective string
		Final     bool
		Excluded  int `json:"excluded_minutes"`
		Measured  int `json:"measured_minutes"`
	}
	var found struct {
		Tiers      []struct{ Instances []row }
		Exclusions []struct {
			ID      string
			Minutes int `json:"instance_minutes"`
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &found))
	require.ElementsMatch(t, []row{{"monthly", true, 60, 1380}, {"rolling", false, 120, 1320}}, found.Tiers[0].Instances)
	minutes := map[string]int{}
	for _, x := range found.Exclusions {
		minutes[x.ID] = x.Minutes
	}
	require.Equal(t, map[string]int{"update": 120, "forgotten": 60}, minutes)

	sum := sha256.Sum256(out.Bytes())
	log, err := os.ReadFile(filepath.Join(dir, evidence.FileName))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(log), `"report_issued"`))
	require.Contains(t, string(log), hex.EncodeToString(sum[:]), "what was handed out can be proved to be it")
	out.Reset()
	require.NoError(t, app.OfflineReport(&out, c, dir, time.Now().UTC().Format("2006-01"), "json", slog.New(slog.DiscardHandler)))
	log, err = os.ReadFile(filepath.Join(dir, evidence.FileName))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(log), `"report_issued"`), "of a month under way it is a draft")
}

// recordMonth records the last day of March for both promises, and closes the month with the first exclusion alone.
func recordMonth(t *testing.T, dir string, c *config.Config) {
	t.Helper()
	book, err := ledger.Open(dir, ledger.DefaultOptions())
	require.NoError(t, err)
	_, err = book.Define(c.Objectives)
	require.NoError(t, err)
	day := time.Date(2026, time.March, 31, 0, 0, 0, 0, time.UTC)
	deltas := []slo.Delta{
		{Instance: slo.NewInstance("monthly"), Counts: slo.Counts{Good: 3}},
		{Instance: slo.NewInstance("rolling"), Counts: slo.Counts{Good: 3}},
	}
	_, err = book.AddAll(func(yield func(time.Time, []slo.Delta) bool) {
		for minute := range 24 * 60 {
			if !yield(day.Add(time.Duration(minute)*time.Minute), deltas) {
				return
			}
		}
	})
	require.NoError(t, err)
	require.NoError(t, book.Append(day.AddDate(0, 0, 9), nil))
	noTier := func(slo.Instance) string { return "" }
	require.NoError(t, book.SetExclusions([]slo.Exclusion{c.Exclusions[0].Exclusion}, noTier))
	closed, err := book.Settle(c.Objectives, noTier, slo.Day)
	require.NoError(t, err)
	require.Len(t, closed, 1)
	require.NoError(t, book.Close())
}
