package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// answer puts the rows of a question, worst first, into a verdict, a sentence and a picture of so many days.
func answer(q slo.Question, rows []Row, days int) Answer {
	count := tally(rows)
	a := Answer{Question: q, Text: q.Text(), Verdict: overall(count)}
	a.Sentence = sentence(a.Verdict, count, rows)
	a.Chart = burnDown(rows, days)
	return a
}

func tally(rows []Row) map[Verdict]int {
	count := map[Verdict]int{}
	for _, r := range rows {
		count[r.Verdict]++
	}
	return count
}

// overall is the worst verdict that a promise has. Where nothing was tested, nothing can be said.
func overall(count map[Verdict]int) Verdict {
	for _, v := range verdicts() {
		if count[v] > 0 && v != Untested {
			return v
		}
	}
	return NotEnoughData
}

// sentence answers a question in one sentence.
func sentence(v Verdict, count map[Verdict]int, rows []Row) string {
	judged := count[Broken] + count[AtRisk] + count[Kept]
	narrow, unjudged := "", ""
	if n := count[AtRisk]; n > 0 {
		narrow = fmt.Sprintf("; %d more %s kept only narrowly", n, were(n))
	}
	if n := count[NotEnoughData]; n > 0 {
		unjudged = fmt.Sprintf("; %d more had too little data to be judged", n)
	}
	all := fmt.Sprintf("all %s that could be judged were kept", promises(judged))
	if judged == 1 {
		all = "the one promise that could be judged was kept"
	}
	switch v {
	case Broken:
		return fmt.Sprintf("Not everywhere: %d of %s %s broken, for %s%s%s.", count[Broken], promises(judged), were(count[Broken]),
			subjects(rows, Broken), narrow, unjudged)
	case AtRisk:
		return fmt.Sprintf("Yes, but narrowly: %s, and %d of them with less than a quarter of the error budget left, for %s%s.",
			all, count[AtRisk], subjects(rows, AtRisk), unjudged)
	case NotEnoughData:
		if count[Untested] > 0 && count[Untested] == len(rows) {
			return "It cannot be said: nothing happened in this month that could have kept or broken a promise."
		}
		if count[NotEnoughData] == 0 {
			return "It cannot be said: nothing that bears on this was measured in this month."
		}
		if judged == 0 {
			return fmt.Sprintf("It cannot be said: %s %s measured for too little of the month, for %s.",
				promises(count[NotEnoughData]), were(count[NotEnoughData]), subjects(rows, NotEnoughData))
		}
		return fmt.Sprintf("It cannot be said for all: %s, but %d more had too little data, for %s.", all, count[NotEnoughData],
			subjects(rows, NotEnoughData))
	default:
		return fmt.Sprintf("Yes: %s.", all)
	}
}

// subjects names those whose promises have a verdict, the first three of them.
func subjects(rows []Row, v Verdict) string {
	const named = 3
	var names []string
	for _, r := range rows {
		if r.Verdict == v && !slices.Contains(names, r.Subject) {
			names = append(names, r.Subject)
		}
	}
	more := len(names) - named
	switch {
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), more)
	case len(names) > 1:
		last := len(names) - 1
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

func promises(n int) string {
	if n == 1 {
		return "1 promise"
	}
	return group(uint64(n)) + " promises"
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// periodLine says which time the report is about: 1 to 30 September 2026, Europe/Berlin, 720 hours.
func periodLine(m Month, from, to, issued time.Time, open bool) string {
	line := fmt.Sprintf("1 to %d %s, %s, %s hours", len(m.Edges())-1, m.Title(), m.zone(), group(uint64(to.Sub(from)/time.Hour)))
	if open {
		return line + "; in progress, as of " + issued.Format("2 January 2006 15:04 MST")
	}
	return line + "; issued " + issued.Format("2 January 2006 15:04 MST")
}

// scopeLine says how much the report is about: 24 promises, 12 tenants.
func scopeLine(rows []Row) string {
	tenants := map[string]bool{}
	for _, r := range rows {
		if t := r.Instance.Tenant(); t != "" {
			tenants[t] = true
		}
	}
	n := len(tenants)
	text := promises(len(rows)) + ", " + group(uint64(n)) + " " + plural(int64(n), "tenant", "tenants")
	if final := finals(rows); final > 0 {
		text += "; " + group(uint64(final)) + " of the promises are final"
	}
	return text
}

func finals(rows []Row) (n int) {
	for _, r := range rows {
		if r.Final {
			n++
		}
	}
	return n
}

// method says how to read the numbers.
func method(rows []Row, m Model) []string {
	var minutes int64
	for _, r := range rows {
		minutes += r.Excluded
	}
	excluded := "No minute was removed from this month."
	if minutes > 0 {
		excluded = fmt.Sprintf("Over all promises, %s minutes were removed from this month.", group(uint64(minutes)))
	}
	notes := []string{
		"Counts are exact. Each promise counts events that kept it and events that broke it, minute by minute; nothing is " +
			"sampled, extrapolated or averaged. Shares are cut off, not rounded, so a broken promise never looks kept.",
		"The error budget is what a target leaves to fail: of 1,000 events, a target of 99.9% leaves one. Budget used above " +
			"100% means that the promise was broken; above 75%, that it was at risk.",
		"Coverage is the share of the month's minutes, since the promise's first one, that were measured. A minute that was " +
			"not measured, also for want of the monitoring itself, counts neither as good nor as bad unless the objective " +
			"says so. With too little coverage the verdict is \"not enough data\", never \"kept\".",
		"\"No events\" means that the promise was watched and nothing happened that could have kept or broken it.",
		"Removed minutes, such as announced maintenance, count on neither side, and are not missing. " + excluded,
		"A question is answered by the worst verdict of any promise that bears on it.",
		"Days and the month begin at midnight in " + m.Zone + ".",
	}
	if finals(rows) > 0 {
		notes = append(notes, "\"Final\" marks a promise over calendar months whose month was closed: data, exclusions and targets "+
			"of later do not change its numbers. Where the record has been changed since, its days are not shown.")
	}
	if m.Open {
		notes = append(notes, "The month was in progress when this report was issued: its numbers are not final.")
	}
	return notes
}
