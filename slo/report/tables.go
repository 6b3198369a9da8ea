package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WriteJSON writes the whole model. Numbers that are not known are null.
func (m Model) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

// csvHead names the columns of WriteCSV, with their units.
var csvHead = []string{
	"month", "tier", "tenant_or_subject", "region", "objective", "question", "verdict", "target_ratio", "achieved_ratio",
	"budget_used_ratio", "coverage_ratio", "good_events", "bad_events", "measured_minutes", "expected_minutes", "excluded_minutes",
	"exclusions", "final",
}

// WriteCSV writes a line for each promise to each tenant, worst first within a tier. Numbers that are not known are
// empty.
func (m Model) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{csvHead}
	for _, t := range m.Tiers {
		for _, r := range t.Rows {
			lines = append(lines, []string{
				m.Month, plain(t.Name), plain(r.Subject), plain(r.Region), r.Objective, string(r.Question), string(r.Verdict),
				strconv.FormatFloat(r.Target.Float(), 'f', -1, 64), r.AchievedRatio.csv(), r.BudgetUsed.csv(), r.CoverageRatio.csv(),
				strconv.FormatUint(r.Good, 10), strconv.FormatUint(r.Bad, 10),
				strconv.FormatInt(r.Measured, 10), strconv.FormatInt(r.Expected, 10), strconv.FormatInt(r.Excluded, 10),
				plain(strings.Join(r.Exclusions, " ")), strconv.FormatBool(r.Final),
			})
		}
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("write report as CSV: %w", err)
	}
	return nil
}

func (s Share) csv() string {
	if math.IsNaN(float64(s)) {
		return ""
	}
	return strconv.FormatFloat(float64(s), 'f', -1, 64)
}

// plain keeps a spreadsheet from reading a name as a formula.
func plain(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") {
		return "'" + text
	}
	return text
}
