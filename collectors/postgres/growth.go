package postgres

import (
	"encoding/json"
	"slices"
	"time"
)

// span is a window over which growth is told.
type span struct {
	label string // of metrics
	step  time.Duration
	steps int
}

// length is how far back the window reaches.
func (s span) length() time.Duration { return time.Duration(s.steps) * s.step }

// spans are the windows: a day, hour by hour, and a week, a quarter of a day at a time.
var spans = [...]span{{"1d", time.Hour, 24}, {"7d", 6 * time.Hour, 28}}

// point is a size at a time.
type point struct {
	at    time.Time
	bytes int64
}

// MarshalJSON writes a point as [Unix time, bytes].
func (p point) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{p.at.Unix(), p.bytes}) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *point) UnmarshalJSON(text []byte) error {
	var pair [2]int64
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	*p = point{time.Unix(pair[0], 0), pair[1]}
	return nil
}

// trail is the sizes that something had within a window, about a step apart, oldest first.
type trail []point

// add takes in a measure, and lets go of what the window has left behind. A clock that was set
// back begins anew.
func (t trail) add(p point, over span) trail {
	if n := len(t); n > 0 && p.at.Before(t[n-1].at) {
		return trail{p}
	}
	if n := len(t); n > 0 && p.at.Sub(t[n-1].at) < over.step {
		return t
	}
	t = slices.DeleteFunc(t, func(old point) bool { return p.at.Sub(old.at) > over.length() })
	return append(t, p)
}

// growth is bytes a second over the window: the median of the slopes between every two points, so
// that up to a quarter of them may be out of the way (an import undone, a table rewritten), and
// what grows by day only still grows. False until a quarter of the window is known.
func (t trail) growth(over span) (float64, bool) {
	n := len(t)
	if n < 4 || t[n-1].at.Sub(t[0].at) < over.length()/4 {
		return 0, false
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i, earlier := range t {
		for _, later := range t[i+1:] {
			slopes = append(slopes, float64(later.bytes-earlier.bytes)/later.at.Sub(earlier.at).Seconds())
		}
	}
	slices.Sort(slopes)
	half := len(slopes) / 2
	if len(slopes)%2 == 0 {
		return (slopes[half-1] + slopes[half]) / 2, true
	}
	return slopes[half], true
}

// rates is growth in bytes a second by window, where it is known.
type rates [len(spans)]struct {
	rate  float64
	known bool
}

// add adds the growth of another; what is not known of one counts as none.
func (r *rates) add(more rates) {
	for i, m := range more {
		r[i].rate += m.rate
		r[i].known = r[i].known || m.known
	}
}

// longest is said of what is not growing.
const longest = 10 * 365 * 24 * time.Hour

// timeTo is how long the bytes suffice at the fastest of the known rates, at most ten years; false
// where none is known.
func (r rates) timeTo(free float64) (time.Duration, bool) {
	fastest, known := 0.0, false
	for _, m := range r {
		if m.known {
			fastest, known = max(fastest, m.rate), true
		}
	}
	if free <= 0 {
		return 0, known
	}
	if fastest*longest.Seconds() <= free {
		return longest, known
	}
	return time.Duration(free / fastest * float64(time.Second)), known
}
