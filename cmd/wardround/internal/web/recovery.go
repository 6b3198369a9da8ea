package web

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wardround/wardround/collectors/backup"
)

// Measure is one thing about a tenant's recovery beside what its tier allows.
type Measure struct {
	What    string
	Now     string
	Allowed string // "–" where the tier says nothing
	Verdict Verdict
}

// Recovery is how a tenant would be recovered now, as people read it.
type Recovery struct {
	Measures []Measure
	Places   []backup.Held
}

// newRecovery is nil where nobody asked: no place of backups is configured, and no rehearsal known.
func newRecovery(s backup.Standing, now time.Time) *Recovery {
	if len(s.Places) == 0 && s.Last.Tenant == "" && s.Due.IsZero() {
		return nil
	}
	return &Recovery{Measures: []Measure{lost(s, now), recovered(s, now), lastTried(s, now)}, Places: s.Places}
}

func lost(s backup.Standing, now time.Time) Measure {
	m := Measure{What: "Work that would be lost now", Now: "all of it", Allowed: orNone(s.Terms.RPO), Verdict: Broken}
	switch {
	case !s.Point.IsZero():
		m.Now, m.Verdict = span(now.Sub(s.Point)), keeps(now.Sub(s.Point), s.Terms.RPO)
	case !s.Known || len(s.Places) == 0:
		m.Now, m.Verdict = "not known", NotKnown
	}
	return m
}

func recovered(s backup.Standing, now time.Time) Measure {
	m := Measure{What: "Time to recover", Now: "never measured", Allowed: orNone(s.Terms.RTO), Verdict: NotKnown}
	if s.Good.Tenant != "" {
		took := time.Duration(s.Good.Seconds * float64(time.Second))
		m.Now, m.Verdict = fmt.Sprintf("%s, measured %s", span(took), ago(s.Good.Started, now)), keeps(took, s.Terms.RTO)
	}
	return m
}

func lastTried(s backup.Standing, now time.Time) Measure {
	m := Measure{What: "Last rehearsed restore", Now: "never", Allowed: "–", Verdict: NotKnown}
	switch {
	case s.Last.Tenant == "":
	case s.Last.Success:
		m.Now, m.Verdict = ago(s.Last.Started, now)+", with success", Kept
	default:
		m.Now, m.Verdict = fmt.Sprintf("%s, failed (%s)", ago(s.Last.Started, now), s.Last.Reason), Broken
	}
	switch {
	case s.Due.IsZero():
	case s.Due.After(now):
		m.Allowed = "due within " + span(s.Due.Sub(now))
	default:
		m.Allowed, m.Verdict = "overdue for "+span(now.Sub(s.Due)), max(m.Verdict, AtRisk)
	}
	return m
}

func keeps(d, limit time.Duration) Verdict {
	if limit > 0 && d > limit {
		return Broken
	}
	return Kept
}

func orNone(limit time.Duration) string {
	if limit == 0 {
		return "–"
	}
	return span(limit)
}

// size is a number of bytes as people read it; nothing where it is not known.
func size(n int64) string {
	if n == 0 {
		return "–"
	}
	f, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, next
	}
	return strconv.FormatFloat(f, 'g', 3, 64) + " " + unit
}
