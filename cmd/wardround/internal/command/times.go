package command

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/slo"
)

// stretch are the flags of commands that work on a stretch of time.
type stretch struct{ from, to string }

// bounds reads the flags as of now: an instant, a date in UTC, or how long ago. What is left out is
// the fallback's.
func (s stretch) bounds(now, from, to time.Time) (time.Time, time.Time, error) {
	var err error
	if s.from != "" {
		if from, err = instant(s.from, now); err != nil {
			return from, to, fmt.Errorf("--from: %w", err)
		}
	}
	if s.to != "" {
		if to, err = instant(s.to, now); err != nil {
			return from, to, fmt.Errorf("--to: %w", err)
		}
	}
	if !from.Before(to) {
		return from, to, fmt.Errorf("--from (%s) must be before --to (%s)", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

func instant(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return slo.Minute(t), nil
		}
	}
	if ago, err := slo.ParseDuration(text); err == nil {
		return slo.Minute(now.Add(-ago)), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-10-01, 2026-10-01T06:00:00Z, or how long ago, such as 90d", text)
}
