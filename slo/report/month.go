package report

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/slo"
)

// Month is a calendar month in a time zone. Its days begin at civil midnights there, so that it is as long as its
// clock changes make it.
type Month struct {
	Year  int
	Month time.Month
	Zone  *time.Location // UTC where nil
}

// ParseMonth reads a month written as 2026-09.
func ParseMonth(text string, zone *time.Location) (Month, error) {
	at, err := time.Parse("2006-01", text)
	if err != nil {
		return Month{}, fmt.Errorf("%q is not a month; write one such as 2026-09", text)
	}
	return Month{at.Year(), at.Month(), zone}, nil
}

// MonthOf is the month that holds an instant.
func MonthOf(at time.Time, zone *time.Location) Month {
	m := Month{Zone: zone}
	local := at.In(m.zone())
	m.Year, m.Month = local.Year(), local.Month()
	return m
}

// Before is the month before this one.
func (m Month) Before() Month {
	first := time.Date(m.Year, m.Month-1, 1, 0, 0, 0, 0, time.UTC)
	return Month{first.Year(), first.Month(), m.Zone}
}

// Edges are the instants between which the days lie, one more than there are days: what a record is cut at to fill
// Input.Days.
func (m Month) Edges() []time.Time {
	from, to := m.Bounds()
	return slo.Days(from, to, m.zone())
}

// Bounds are the first instant of the month and that of the next.
func (m Month) Bounds() (from, to time.Time) {
	noon := time.Date(m.Year, m.Month, 15, 12, 0, 0, 0, m.zone())
	return slo.Window{Calendar: slo.Month, Zone: m.zone()}.Bounds(noon)
}

// String is the month as ParseMonth reads it.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// Title is the month for people: September 2026.
func (m Month) Title() string { return fmt.Sprintf("%s %d", m.Month, m.Year) }

func (m Month) zone() *time.Location {
	if m.Zone == nil {
		return time.UTC
	}
	return m.Zone
}
