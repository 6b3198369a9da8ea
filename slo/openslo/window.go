package openslo

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// window reads the one time window of a promise.
func (p *promise) window() slo.Window {
	key, keys := "timeWindow", []string{"duration", "isRolling", "calendar"}
	if p.doc.version == v1alpha {
		key, keys = "timeWindows", []string{"unit", "count", "isRolling", "calendar"}
	}
	list := p.spec.at(key)
	items := list.items()
	if len(items) == 0 {
		list.warnf("there is no time window; 30d rolling is assumed")
		return slo.Window{Rolling: 30 * slo.Day}
	}
	if len(items) > 1 {
		items[1].failf("a promise has one window; write an SLO for each further one")
	}
	w, ok := items[0].mapping(keys...)
	if !ok {
		return slo.Window{}
	}
	count, letter, ok := p.length(w)
	calendar := w.at("calendar")
	rolling, said := w.at("isRolling").flag()
	switch {
	case !ok:
		return slo.Window{}
	case rolling && calendar.present:
		calendar.failf("a rolling window has no calendar; leave one of the two out")
	case said && !rolling && !calendar.present:
		w.at("isRolling").failf("a window that does not roll needs calendar: with startTime and timeZone")
	case calendar.present:
		return p.calendar(w, calendar, count, letter)
	default:
		return p.rolling(w, count, letter)
	}
	return slo.Window{}
}

// length is the window's duration as shorthand, whatever the version.
func (p *promise) length(w object) (count int, letter byte, ok bool) {
	if p.doc.version != v1alpha {
		d := w.at("duration")
		d.text()
		return d.duration()
	}
	n, ok := w.at("count").number()
	if !ok || !n.IsInt() || n.Sign() <= 0 || n.Num().BitLen() > 20 {
		w.at("count").failf("count is a whole number from 1")
		return 0, 0, false
	}
	w.at("unit").text()
	letters := map[string]byte{"Day": 'd', "Week": 'w', "Month": 'M', "Quarter": 'Q', "Year": 'Y'}
	letter, ok = letters[w.at("unit").word("Day", "Week", "Month", "Quarter", "Year")]
	return int(n.Num().Int64()), letter, ok
}

// lengthOf is where a fault of the window's length is shown.
func lengthOf(w object) value {
	if w.at("duration").present {
		return w.at("duration")
	}
	return w.at("count")
}

func (p *promise) rolling(w object, count int, letter byte) slo.Window {
	at, length := lengthOf(w), time.Duration(count)*unit(letter)
	switch {
	case letter == 'm' && length < slo.Day:
		at.failf("m is minutes, and no promise is kept over %d of them; for months write %dM", count, count)
	case length < slo.Day || length > 366*slo.Day:
		at.failf("a window of %s is out of range; write 1d to 366d", slo.FormatDuration(length))
	case letter >= 'A' && letter <= 'Z':
		at.warnf("a rolling window has no calendar's months; this is read as %s", slo.FormatDuration(length))
		return slo.Window{Rolling: length}
	default:
		return slo.Window{Rolling: length}
	}
	return slo.Window{}
}

// startForm is how OpenSLO writes the start of a calendar.
const startForm = "2006-01-02 15:04:05"

func (p *promise) calendar(w object, v value, count int, letter byte) slo.Window {
	at := lengthOf(w)
	unit := period(count, letter)
	switch {
	case letter == 'm':
		at.failf("m is minutes; for months write %dM", count)
	case unit == "":
		at.failf("there is no calendar period of this length; write 1w, 1M, 1Q or 1Y, or let it roll")
	}
	c, ok := v.mapping("startTime", "timeZone")
	if !ok || unit == "" {
		return slo.Window{}
	}
	zone, err := time.LoadLocation(c.at("timeZone").text())
	if name := c.at("timeZone").optional(); name != "" && (err != nil || name == "Local") {
		c.at("timeZone").failf("there is no time zone %q; write one such as Europe/Berlin", name)
	}
	if zone == time.UTC {
		zone = nil
	}
	start, err := time.Parse(startForm, c.at("startTime").text())
	if err != nil {
		if c.at("startTime").present {
			c.at("startTime").failf("%q is no start; write a date and time such as 2024-01-01 00:00:00", c.at("startTime").optional())
		}
		return slo.Window{}
	}
	return slo.Window{Calendar: unit, Zone: zone, Anchor: anchor(c.at("startTime"), unit, start)}
}

// period is the calendar's unit of a length, "" if there is none.
func period(count int, letter byte) slo.Calendar {
	switch {
	case count == 1 && letter == 'w', count == 7 && letter == 'd':
		return slo.Week
	case count == 1 && letter == 'M':
		return slo.Month
	case count == 1 && letter == 'Q', count == 3 && letter == 'M':
		return slo.Quarter
	case count == 1 && letter == 'Y', count == 12 && letter == 'M', count == 4 && letter == 'Q':
		return slo.Year
	}
	return ""
}

// anchor is the day of the month on which periods begin, 0 for the first.
func anchor(v value, unit slo.Calendar, start time.Time) int {
	if start.Hour()+start.Minute()+start.Second() != 0 {
		v.warnf("calendar periods begin at midnight; the time of day is left out")
	}
	switch {
	case unit == slo.Week && start.Weekday() != time.Monday:
		v.failf("%s is a %s, but weeks begin on Monday; start on %s", start.Format(time.DateOnly), start.Weekday(), monday(start))
	case unit == slo.Quarter && (start.Month()-1)%3 != 0:
		v.failf("quarters begin in January, April, July and October; start in one of them")
	case unit == slo.Year && start.Month() != time.January:
		v.failf("years begin in January; start there")
	case unit != slo.Week && start.Day() > 1:
		return start.Day()
	}
	return 0
}

func monday(t time.Time) string {
	for t.Weekday() != time.Monday {
		t = t.AddDate(0, 0, 1)
	}
	return t.Format(time.DateOnly)
}
