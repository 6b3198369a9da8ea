package slo

import "time"

// Counts are events: those that kept the promise and those that broke it.
type Counts struct {
	Good uint64 `json:"good"`
	Bad  uint64 `json:"bad"`
}

// Total is good and bad together.
func (c Counts) Total() uint64 { return c.Good + c.Bad }

// Add is the sum of both.
func (c Counts) Add(d Counts) Counts { return Counts{c.Good + d.Good, c.Bad + d.Bad} }

// Sub takes d, which must be part of c, out of c.
func (c Counts) Sub(d Counts) Counts { return Counts{c.Good - d.Good, c.Bad - d.Bad} }

// Tally is what a stretch of time holds for one instance: its events, and of
// how many minutes they speak.
type Tally struct {
	Counts
	// Measured minutes have a record, be it of no events at all.
	Measured int64 `json:"measured_minutes"`
	// Expected minutes are those since the instance's first one; time before
	// that is not held against it.
	Expected int64 `json:"expected_minutes"`
	// Excluded minutes are expected ones that do not count: maintenance.
	Excluded int64 `json:"excluded_minutes"`
}

// Missing is how many minutes should have been measured and were not.
func (t Tally) Missing() int64 {
	return max(0, t.Expected-t.Excluded-t.Measured)
}

// Coverage is measured minutes over expected ones that are not excluded. ok is
// false where nothing is expected, so that there is nothing to cover.
func (t Tally) Coverage() (share Ratio, ok bool) {
	expected := t.Expected - t.Excluded
	if expected <= 0 {
		return 0, false
	}
	return Ratio(min(t.Measured, expected) * int64(One) / expected), true
}

// covers says whether at least a share of the expected minutes was measured;
// where nothing is expected nothing is.
func (t *Tally) covers(share Ratio) bool {
	expected := t.Expected - t.Excluded
	return expected > 0 && min(t.Measured, expected)*int64(One) >= int64(share)*expected
}

// Delta is what one instance did in one minute. A minute that was watched but
// saw no events is a Delta of zero Counts; a minute that was not watched is no
// Delta at all.
type Delta struct {
	Instance Instance
	Counts   Counts
	// Carried says that the minute was not measured and that Counts repeat the
	// last one that was (NoDataCarry): they count, the coverage does not.
	Carried bool
}

// Minute is the minute that holds at, in UTC: the grain of the record.
func Minute(at time.Time) time.Time { return at.UTC().Truncate(time.Minute) }
