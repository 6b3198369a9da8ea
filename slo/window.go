package slo

import (
	"fmt"
	"time"
)

// Calendar is the unit of a calendar window.
type Calendar string

// The calendar units.
const (
	Week    Calendar = "week"
	Month   Calendar = "month"
	Quarter Calendar = "quarter"
	Year    Calendar = "year"
)

// nominal lengths stand for P in burn-rate thresholds, so that a threshold does
// not move with the month.
var nominal = map[Calendar]time.Duration{
	Week: 7 * Day, Month: 30 * Day, Quarter: 90 * Day, Year: 365 * Day,
}

// Window is the period that a promise is kept over: the last so-many days, or
// a calendar period in a time zone.
type Window struct {
	// Rolling is the length of a rolling window; 0 for a calendar one.
	Rolling time.Duration
	// Calendar is the unit of a calendar window; "" for a rolling one.
	Calendar Calendar
	// Zone is where the calendar's days begin; UTC where nil.
	Zone *time.Location
	// Anchor is the day of the month on which months, quarters and years
	// begin; 0 means 1. In months that lack it, it is the last day.
	Anchor int
}

// Bounds is the period that holds at. A rolling one ends at at; a calendar one
// begins and ends at civil midnights, so its length in hours follows the clock
// changes of its zone.
func (w Window) Bounds(at time.Time) (from, to time.Time) {
	if w.Calendar == "" {
		return at.Add(-w.Rolling), at
	}
	local := at.In(w.zone())
	period := w.index(local)
	// The anchor, or a midnight that a clock change skips, can put at one
	// period off the one its date suggests.
	for at.Before(w.start(period)) {
		period--
	}
	for !at.Before(w.start(period + 1)) {
		period++
	}
	return w.start(period), w.start(period + 1)
}

// Ending is the period that a reading taken at at speaks of: the rolling one
// that ends there, or the calendar one that holds the moment before, so that a
// month's last minute is still that month's.
func (w Window) Ending(at time.Time) (from, to time.Time) {
	if w.Calendar != "" {
		at = at.Add(-1)
	}
	return w.Bounds(at)
}

// index numbers periods without gaps: weeks since the epoch, months of all
// years, and so on.
func (w Window) index(local time.Time) int {
	year, month, day := local.Date()
	switch w.Calendar {
	case Week:
		days := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / int64(Day/time.Second)
		return int((days + 3) / 7) // 1 January 1970 was a Thursday, weeks begin on Monday
	case Year:
		return year
	case Quarter:
		return year*4 + int(month-1)/3
	default:
		return year*12 + int(month-1)
	}
}

// start is the first instant of a period.
func (w Window) start(period int) time.Time {
	switch w.Calendar {
	case Week:
		return midnight(1970, time.January, 1-3+7*period, w.zone())
	case Year:
		return w.anchored(period, time.January)
	case Quarter:
		return w.anchored(period/4, time.Month(period%4*3+1))
	default:
		return w.anchored(period/12, time.Month(period%12+1))
	}
}

// anchored is the anchor day of a month, or its last day.
func (w Window) anchored(year int, month time.Month) time.Time {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return midnight(year, month, min(max(w.Anchor, 1), last), w.zone())
}

// midnight is the first instant of a civil date, which need not be 0:00: some
// zones skip that hour when their clocks go forward.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	return instant(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
}

// instant is when a zone's clocks show a civil time, which is given in UTC: the
// first time where they show it twice, and where they skip it when they would
// have shown it, had they not been put forward (as RFC 5545 has it).
func instant(civil time.Time, zone *time.Location) time.Time {
	at := time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), civil.Nanosecond(), zone)
	if early := civil.Sub(clock(at)); early > 0 {
		return at.Add(early)
	}
	if changed, _ := at.ZoneBounds(); !changed.IsZero() {
		back := clock(changed.Add(-1)).Add(1).Sub(clock(changed))
		if first := at.Add(-back); back > 0 && first.Before(changed) {
			return first
		}
	}
	return at
}

// clock is what the clocks of at's zone show, as a time in UTC.
func clock(at time.Time) time.Time {
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

func (w Window) zone() *time.Location {
	if w.Zone == nil {
		return time.UTC
	}
	return w.Zone
}

// Nominal is P in the formulas: the length of a rolling window, or 7, 30, 90 or
// 365 days for a calendar one.
func (w Window) Nominal() time.Duration {
	if w.Calendar == "" {
		return w.Rolling
	}
	return nominal[w.Calendar]
}

// String is "30d", or "month" with the zone where it is not UTC.
func (w Window) String() string {
	text := string(w.Calendar)
	if w.Calendar == "" {
		return FormatDuration(w.Rolling)
	}
	if w.Anchor > 1 {
		text += fmt.Sprintf(" from day %d", w.Anchor)
	}
	if w.zone() != time.UTC {
		text += " in " + w.zone().String()
	}
	return text
}

// Days are the midnights of a zone from the one at or before from to the one at
// or after to: the edges of whole days, for tables and charts.
func Days(from, to time.Time, zone *time.Location) []time.Time {
	year, month, day := from.In(zone).Date()
	for edges := []time.Time(nil); ; day++ {
		edge := midnight(year, month, day, zone)
		edges = append(edges, edge)
		if !edge.Before(to) {
			return edges
		}
	}
}
