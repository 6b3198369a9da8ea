package slo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// recurrence is a rule of RFC 5545 in the civil time of a zone. The rule itself
// is unrolled as if the civil times were UTC, and only then put on the zone's
// clocks, so that a stretch at half past two is there on every day. It is also
// unrolled ages ahead: the library looks for a next time until the year 9999, and
// should soon get there with a rule that never comes true.
type recurrence struct {
	option rrule.ROption
	zone   *time.Location
}

// ages is a multiple of the 400 years after which calendars repeat, weekdays and
// all; it leaves room for the years that exclusions may be in.
const ages = 7600

func ahead(civil time.Time) time.Time { return civil.AddDate(ages, 0, 0) }

func back(civil time.Time) time.Time { return civil.AddDate(-ages, 0, 0) }

// frequencies of a rule; finer ones are no maintenance but a way to hide.
var frequencies = []string{"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"}

// parts of a rule that say which days and hours; all others either set the pace
// or are refused, because the library does not end on some of their values.
var (
	paceParts = []string{"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
	dayParts  = []string{"BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "BYHOUR"}
)

// The limits keep the work for any rule within some milliseconds.
const (
	maxRule     = 200
	maxInterval = 366
	maxCount    = 10_000
)

// readRecurrence reads a rule whose first stretch begins at from, in its zone.
func readRecurrence(rule string, from time.Time) (*recurrence, error) {
	parts, err := ruleParts(rule)
	if err != nil {
		return nil, err
	}
	option, err := rrule.StrToROption(rule)
	if err != nil {
		return nil, fmt.Errorf("%q is no recurrence: %w", rule, err)
	}
	r := &recurrence{*option, from.Location()}
	if err := r.check(parts); err != nil {
		return nil, err
	}
	r.option.Dtstart = ahead(clock(from))
	until := r.option.Until
	switch text := parts["UNTIL"]; {
	case text == "":
		return r, nil
	case until.Year() < firstYear || until.Year() > lastYear:
		return nil, fmt.Errorf("UNTIL=%s is not in the years %d to %d", text, firstYear, lastYear)
	case strings.HasSuffix(text, "Z"):
		until = clock(until.In(r.zone))
	case len(text) == len(rrule.DateFormat):
		until = until.Add(Day - time.Second)
	}
	r.option.Until = ahead(until)
	return r, nil
}

// ruleParts takes a rule apart and refuses what it must not hold.
func ruleParts(rule string) (map[string]string, error) {
	if len(rule) > maxRule {
		return nil, fmt.Errorf("a rule has %d characters at most", maxRule)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rule, ";") {
		key, value, _ := strings.Cut(part, "=")
		if !slices.Contains(paceParts, key) && !slices.Contains(dayParts, key) {
			return nil, fmt.Errorf("a rule has no part %q here; write FREQ=WEEKLY;BYDAY=SU with some of %s, %s",
				key, strings.Join(paceParts, ", "), strings.Join(dayParts, ", "))
		}
		if _, twice := parts[key]; twice {
			return nil, fmt.Errorf("%s stands twice in the rule", key)
		}
		values := strings.Split(value, ",")
		slices.Sort(values)
		if len(slices.Compact(values)) < strings.Count(value, ",")+1 {
			return nil, fmt.Errorf("%s=%s names something twice", key, value)
		}
		parts[key] = value
	}
	if !slices.Contains(frequencies, parts["FREQ"]) {
		return nil, fmt.Errorf("FREQ=%s is none of %s", parts["FREQ"], strings.Join(frequencies, ", "))
	}
	return parts, nil
}

func (r *recurrence) check(parts map[string]string) error {
	o := r.option
	number := func(key string, value, most int) error {
		if parts[key] != "" && (value < 1 || value > most) {
			return fmt.Errorf("%s is a number from 1 to %d", key, most)
		}
		return nil
	}
	if err := errors.Join(number("INTERVAL", o.Interval, maxInterval), number("COUNT", o.Count, maxCount)); err != nil {
		return err
	}
	if o.Freq == rrule.HOURLY && slices.ContainsFunc(dayParts, func(key string) bool { return parts[key] != "" }) {
		return errors.New("an hourly rule has no days and hours; for some hours of some days write FREQ=DAILY with BYHOUR")
	}
	monthly := o.Freq == rrule.MONTHLY || o.Freq == rrule.YEARLY && parts["BYMONTH"] != ""
	if len(o.Bysetpos) > 1 || len(o.Bysetpos) > 0 && !monthly {
		return errors.New("BYSETPOS is one number, with FREQ=MONTHLY, or FREQ=YEARLY and BYMONTH")
	}
	for _, day := range o.Byweekday {
		if n := day.N(); n != 0 && (n < -5 || n > 5 || !monthly) {
			return fmt.Errorf("BYDAY=%s counts days of a month: write -5 to 5, with FREQ=MONTHLY, or FREQ=YEARLY and BYMONTH", parts["BYDAY"])
		}
	}
	return nil
}

// next answers the civil times of the rule one by one.
func (r *recurrence) next(option rrule.ROption) (rrule.Next, error) {
	rule, err := rrule.NewRRule(option)
	if err != nil {
		return nil, fmt.Errorf("the rule has a value out of range: %w", err)
	}
	return rule.Iterator(), nil
}

// between are the instants in [since, to) at which the rule begins a stretch, in
// order.
func (r *recurrence) between(since, to time.Time) []time.Time {
	option := r.option
	// A day more at both ends, for what a change of the clocks puts elsewhere.
	if last := ahead(clock(to.In(r.zone)).Add(Day)); option.Until.IsZero() || option.Until.After(last) {
		option.Until = last
	}
	if past := ahead(clock(since.In(r.zone)).Add(-Day)).Sub(option.Dtstart); past > 0 && option.Count == 0 {
		option.Dtstart = option.Dtstart.Add(past.Truncate(r.step(past)))
	}
	next, err := r.next(option)
	if err != nil {
		return nil
	}
	var all []time.Time
	for civil, more := next(); more; civil, more = next() {
		if at := instant(back(civil), r.zone); !at.Before(since) && at.Before(to) {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// step is how far a rule can be moved on without a change of what it names, so
// that years of hours need not be unrolled; longer than past if it cannot.
func (r *recurrence) step(past time.Duration) time.Duration {
	interval := time.Duration(max(1, r.option.Interval))
	switch r.option.Freq {
	case rrule.HOURLY:
		return interval * time.Hour
	case rrule.DAILY:
		return interval * Day
	default:
		return past + 1
	}
}

// occurrences that fits looks at: more than a year of weeks.
const occurrences = 64

// fits refuses a rule that does not begin with the stretch it is for, or that
// comes again before that has ended.
func (r *recurrence) fits(length time.Duration) error {
	next, err := r.next(r.option)
	if err != nil {
		return err
	}
	first, some := next()
	switch {
	case !some:
		return errors.New("the rule never comes true; from must be the first time that it does")
	case !first.Equal(r.option.Dtstart):
		return fmt.Errorf("from is not a time that the rule names; the next one is %s", back(first).Format("Monday, 2006-01-02 15:04"))
	}
	previous := first
	for range occurrences {
		civil, more := next()
		if !more {
			break
		}
		if gap := civil.Sub(previous); gap < length {
			return fmt.Errorf("it lasts %s, but the rule comes again after %s", FormatDuration(length), FormatDuration(gap))
		}
		previous = civil
	}
	return nil
}
