package simulate

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wardround/wardround/slo"
)

// TextOptions say how much WriteText tells.
type TextOptions struct {
	// Alerts and Instances are the most that are listed of each variant.
	Alerts, Instances int
}

// DefaultTextOptions fit a few variants on a screen or two.
func DefaultTextOptions() TextOptions { return TextOptions{Alerts: 20, Instances: 10} }

// WriteText writes the result for a terminal: the variants side by side, then of
// each the instances it goes worst for and the alerts that would have come.
func (r *Result) WriteText(w io.Writer, opts TextOptions) error {
	t := &text{Result: r, opts: opts}
	t.head()
	t.compare()
	for i := range r.Variants {
		t.instances(&r.Variants[i])
		t.alerts(&r.Variants[i])
	}
	if _, err := io.WriteString(w, t.String()); err != nil {
		return fmt.Errorf("write the replay: %w", err)
	}
	return nil
}

// text is a result being written.
type text struct {
	*Result
	strings.Builder
	opts TextOptions
}

func (t *text) linef(format string, args ...any) { t.WriteString(fmt.Sprintf(format, args...) + "\n") }

func (t *text) head() {
	t.linef("Replayed %s to %s (%s), judged every %s.", clock(t.From), clock(t.To), seconds(t.To.Sub(t.From)), t.Every)
	if before := seconds(t.From.Sub(t.HistoryFrom)); before > 0 {
		t.linef("The record begins %s before that; windows that reach further back hold what there is.", before)
	} else {
		t.linef("The record begins there; until it fills a window, budgets are those of the record so far.")
	}
	if t.Unwatched > 0 {
		t.linef("Nobody watched for %s of it.", t.Unwatched)
	}
}

// compare is the table of all variants.
func (t *text) compare() {
	t.linef("")
	t.table(
		[]string{"VARIANT", "OBJECTIVE", "TARGET", "WINDOW", "POLICY", "PAGES", "INCIDENTS", "TICKETS", "INFOS", "BUDGETS ENDED", "EXHAUSTED", "BURNING", "OK", "NOT JUDGED"},
		len(t.Variants), func(i int) []string {
			o := &t.Variants[i]
			unknown := o.Statuses[slo.InsufficientData] + o.Statuses[slo.NoDataYet]
			return []string{
				o.Variant, o.Objective, o.Targets, o.Window, o.Policy, strconv.Itoa(o.Pages), strconv.Itoa(o.Incidents),
				strconv.Itoa(o.Tickets), strconv.Itoa(o.Infos), fmt.Sprintf("%d of %d", o.Ended, len(o.Instances)),
				percent(o.Statuses[slo.Exhausted]), percent(o.Statuses[slo.Burning]), percent(o.Statuses[slo.OK]), percent(unknown),
			}
		})
}

func (t *text) instances(o *Outcome) {
	n := min(t.opts.Instances, len(o.Instances))
	if n == 0 {
		return
	}
	t.linef("\n%s: budgets, worst first%s", o.Variant, of(n, len(o.Instances)))
	t.table([]string{"INSTANCE", "TIER", "TARGET", "SPENT", "ENDED", "EXHAUSTED FOR", "PAGES", "STATUS"}, n, func(i int) []string {
		n := &o.Instances[i]
		return []string{
			n.Instance.String(), dash(n.Tier), n.Target.String(), percent(n.ConsumedRatio), never(n.EndedAt),
			n.Exhausted.String(), strconv.Itoa(n.Pages), dash(string(n.Status)),
		}
	})
}

func (t *text) alerts(o *Outcome) {
	n := min(t.opts.Alerts, len(o.Alerts))
	if n == 0 {
		return
	}
	t.linef("\n%s: alerts, gravest first%s", o.Variant, of(n, len(o.Alerts)))
	gravest := slices.Clone(o.Alerts)
	slices.SortStableFunc(gravest, func(a, b Alert) int { return cmp.Compare(rank(a), rank(b)) })
	t.table([]string{"STARTED", "LASTED", "SEVERITY", "ALERT", "WINDOW", "INSTANCE", "AT WORST"}, n, func(i int) []string {
		a := &gravest[i]
		lasted := t.lasted(a).String()
		if a.Resolved.IsZero() {
			lasted += ", stands"
		}
		return []string{clock(a.Started), lasted, string(a.Severity), a.Name, dash(a.LongWindow), a.Instance.String(), a.worst()}
	})
}

// worst is the peak in words.
func (a *Alert) worst() string {
	switch {
	case !math.IsNaN(float64(a.PeakBurnRate)):
		return "burns " + significant(float64(a.PeakBurnRate)) + "x"
	case !math.IsNaN(float64(a.PeakConsumedRatio)):
		return percent(a.PeakConsumedRatio) + " spent"
	}
	return "-"
}

// table writes a head and n rows in columns.
func (t *text) table(head []string, n int, row func(int) []string) {
	w := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	lines := [][]string{head}
	for i := range n {
		lines = append(lines, row(i))
	}
	for _, l := range lines {
		fmt.Fprintln(w, strings.Join(l, "\t")) //nolint:errcheck // a Builder takes everything
	}
	w.Flush() //nolint:errcheck // the same
}

// of says that a list is not all.
func of(shown, all int) string {
	if shown == all {
		return ""
	}
	return fmt.Sprintf(" (%d of %d)", shown, all)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func never(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return clock(t)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func percent(n Number) string {
	if math.IsNaN(float64(n)) {
		return "no data"
	}
	return significant(float64(n)*100) + "%"
}

// significant writes a number with about three digits that mean something.
func significant(f float64) string {
	decimals := 2
	for limit := 10.0; limit <= 100 && math.Abs(f) >= limit; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}
