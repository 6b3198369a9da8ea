package simulate

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// WriteJSON writes all of the result. What is not known is null.
func (r *Result) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	if err := out.Encode(r); err != nil {
		return fmt.Errorf("write the replay as JSON: %w", err)
	}
	return nil
}

// alertsHead names the columns of WriteAlertsCSV, with their units.
var alertsHead = []string{
	"variant", "objective", "instance", "alert", "severity", "long_window", "started", "resolved",
	"lasted_seconds", "frozen_seconds", "peak_burn_rate", "peak_consumed_ratio",
}

// WriteAlertsCSV writes a line for each alert. What is not known is empty;
// lasted_seconds of one that still stands is up to the replay's end.
func (r *Result) WriteAlertsCSV(w io.Writer) error {
	return r.write(w, alertsHead, func(o *Outcome, line func(...string)) {
		for i := range o.Alerts {
			a := &o.Alerts[i]
			line(plain(o.Variant), o.Objective, a.Instance.String(), a.Name, string(a.Severity), a.LongWindow, stamp(a.Started),
				moment(a.Resolved), whole(r.lasted(a)), whole(a.Frozen), a.PeakBurnRate.csv(), a.PeakConsumedRatio.csv())
		}
	})
}

// instancesHead names the columns of WriteInstancesCSV, with their units.
var instancesHead = []string{
	"variant", "objective", "instance", "tier", "target_ratio", "judged_seconds", "pages", "incidents", "budget_ended_at",
	"exhausted_seconds", "status", "budget_consumed_ratio", "coverage_ratio", "good_events", "bad_events",
}

// WriteInstancesCSV writes a line for each instance and variant, worst first.
// What is not known is empty.
func (r *Result) WriteInstancesCSV(w io.Writer) error {
	return r.write(w, instancesHead, func(o *Outcome, line func(...string)) {
		for i := range o.Instances {
			n := &o.Instances[i]
			line(plain(o.Variant), o.Objective, n.Instance.String(), plain(n.Tier), decimal(n.Target.Float()), whole(n.Judged),
				strconv.Itoa(n.Pages), strconv.Itoa(n.Incidents), moment(n.EndedAt), whole(n.Exhausted), string(n.Status),
				n.ConsumedRatio.csv(), n.CoverageRatio.csv(), strconv.FormatUint(n.Good, 10), strconv.FormatUint(n.Bad, 10))
		}
	})
}

// write writes a head and the lines of all variants.
func (r *Result) write(w io.Writer, head []string, each func(o *Outcome, line func(...string))) error {
	lines := [][]string{head}
	for i := range r.Variants {
		each(&r.Variants[i], func(fields ...string) { lines = append(lines, fields) })
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("write the replay as CSV: %w", err)
	}
	return nil
}

// lasted is how long an alert stood within the replay.
func (r *Result) lasted(a *Alert) Seconds {
	if a.Resolved.IsZero() {
		return seconds(r.To.Sub(a.Started))
	}
	return seconds(a.Resolved.Sub(a.Started))
}

func (n Number) csv() string {
	if math.IsNaN(float64(n)) {
		return ""
	}
	return decimal(float64(n))
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func whole(s Seconds) string { return strconv.FormatInt(int64(s), 10) }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// plain keeps a spreadsheet from reading a name as a formula.
func plain(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") {
		return "'" + text
	}
	return text
}
