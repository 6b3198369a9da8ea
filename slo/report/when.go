package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// about is a scope in words: Login page works, for north and south.
func (in Input) about(s slo.Scope) string {
	text := "All promises"
	if len(s.Objectives) > 0 {
		var titles []string
		for _, name := range s.Objectives {
			title := name
			for _, o := range in.Objectives {
				if o.Name == name {
					title = cmp.Or(o.Title, name)
				}
			}
			titles = append(titles, title)
		}
		text = listed(titles)
	}
	switch {
	case len(s.Tenants) > 0 && len(s.Tiers) > 0:
		text += ", for " + listed(s.Tenants) + " where of tier " + listed(s.Tiers)
	case len(s.Tenants) > 0:
		text += ", for " + listed(s.Tenants)
	case len(s.Tiers) > 0:
		text += ", for tier " + listed(s.Tiers)
	}
	return text
}

// listed names the first ten of some.
func listed(names []string) string {
	const most = 10
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// when says in words when an exclusion is, which comes so many times in the month.
func when(x *slo.Exclusion, times int, month *time.Location) string {
	if x.Rule == "" {
		return stretch(x.From.In(month), x.To.In(month))
	}
	zone, err := time.LoadLocation(x.Zone)
	if err != nil {
		zone = time.UTC
	}
	text := recurring(x.Rule, x.From.In(zone)) + " for " + slo.FormatDuration(x.To.Sub(x.From))
	if zone.String() != month.String() {
		text += " in " + zone.String()
	}
	return text + fmt.Sprintf(", %d %s in this month", times, plural(int64(times), "time", "times"))
}

// stretch is Sun 11 Oct 2026 02:00 to 04:00, with a date for the end where that is on another day.
func stretch(from, to time.Time) string {
	const day, clock = "Mon 2 Jan 2006 ", "15:04"
	if from.Format(day) == to.Format(day) {
		return from.Format(day+clock) + " to " + to.Format(clock)
	}
	return from.Format(day+clock) + " to " + to.Format(day+clock)
}

// recurring is a recurrence of RFC 5545, which slo has checked, in words: every week on Sunday at 02:00.
func recurring(rule string, first time.Time) string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(rule, ";") {
		key, value, _ := strings.Cut(part, "=")
		parts[key] = value
	}
	text := "Every " + units[parts["FREQ"]]
	if n := parts["INTERVAL"]; n != "" && n != "1" {
		text = "Every " + n + " " + units[parts["FREQ"]] + "s"
	}
	in := func(key string, word func(string) string) string {
		if parts[key] == "" {
			return ""
		}
		var words []string
		for value := range strings.SplitSeq(parts[key], ",") {
			words = append(words, word(value))
		}
		return listed(words)
	}
	for _, p := range []struct{ before, words, after string }{
		{" in ", in("BYMONTH", monthName), ""},
		{" on the ", in("BYMONTHDAY", ordinal), " of the month"},
		{" on ", in("BYDAY", dayName), ""},
		{", only the ", in("BYSETPOS", ordinal), " of these,"},
	} {
		if p.words != "" {
			text += p.before + p.words + p.after
		}
	}
	hours := in("BYHOUR", func(h string) string { return fmt.Sprintf("%02s", h) + first.Format(":04") })
	if parts["FREQ"] == "HOURLY" {
		text += first.Format(" from 2 Jan 2006 15:04 on")
	} else {
		text += " at " + cmp.Or(hours, first.Format("15:04"))
	}
	if n := parts["COUNT"]; n != "" {
		text += ", " + n + " times in all,"
	}
	if until, err := time.Parse("20060102", parts["UNTIL"][:min(8, len(parts["UNTIL"]))]); err == nil {
		text += until.Format(", until 2 January 2006,")
	}
	return text
}

var units = map[string]string{"YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour"}

func monthName(number string) string {
	n, err := strconv.Atoi(number)
	if err != nil {
		return number
	}
	return time.Month(n).String()
}

var weekdays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// dayName is MO as Monday, and 2MO as the second Monday.
func dayName(value string) string {
	cut := max(0, len(value)-2)
	day := slices.Index(weekdays, value[cut:])
	switch {
	case day < 0:
		return value
	case cut == 0:
		return time.Weekday(day).String()
	}
	return "the " + ordinal(value[:cut]) + " " + time.Weekday(day).String()
}

// ordinal is 2 as second, 15 as 15th, and -1 as last.
func ordinal(number string) string {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return number
	case n == -1:
		return "last"
	case n < 0:
		return ordinal(strconv.Itoa(-n)) + " to last"
	case n < len(ordinals):
		return ordinals[n]
	case n > 20 && n%10 > 0 && n%10 < 4:
		return strconv.Itoa(n) + [...]string{"st", "nd", "rd"}[n%10-1]
	}
	return strconv.Itoa(n) + "th"
}

var ordinals = []string{"0th", "first", "second", "third", "fourth", "fifth"}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
