package simulate

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// Minute is what all instances did in one minute that was watched.
type Minute struct {
	At     time.Time
	Deltas []slo.Delta
}

// Source hands out minutes in ascending order. A Minute's Deltas are valid until
// the next one; an error ends it.
type Source = iter.Seq2[Minute, error]

// maxLength bounds a history: a single minute with a wrong year would otherwise
// make it one of centuries.
const maxLength = 3 * 366 * slo.Day

// maxCount is the most good events of a minute; more are no count but a fault.
const maxCount = 1<<62 - 1

// History is recorded minutes in memory. It is filled once, by Load or Add, and
// may then be replayed any number of times, also concurrently.
type History struct {
	base    int64 // the first minute since the epoch; all indexes count from it
	length  int64 // minutes from the first to the last watched one
	watched []bool
	ids     map[slo.Instance]int
	series  []series
	carried map[string]bool // objectives that were recorded with repeated minutes
	only    []string
}

// series is one instance's record.
type series struct {
	instance slo.Instance
	first    int64 // index of its first minute
	column   column
}

// NewHistory begins a history of these objectives, or of all where none is
// named; what others did is left out as it comes.
func NewHistory(objectives ...string) *History {
	return &History{ids: map[slo.Instance]int{}, carried: map[string]bool{}, only: objectives}
}

// Load reads a whole source into a history of these objectives.
func Load(source Source, objectives ...string) (*History, error) {
	h := NewHistory(objectives...)
	for m, err := range source {
		if err == nil {
			err = h.Add(m.At, m.Deltas)
		}
		if err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Add takes the next minute that was watched. It fails where the minute is not
// after the one before, or an instance stands in it twice.
func (h *History) Add(minute time.Time, deltas []slo.Delta) error {
	at := slo.Minute(minute).Unix() / 60
	if len(h.watched) == 0 {
		h.base = at
	}
	index := at - h.base
	switch {
	case index < h.length:
		return fmt.Errorf("minute %s does not come after the one before it; sort the history by minute", stamp(minute))
	case index >= int64(maxLength/time.Minute):
		return fmt.Errorf("minute %s is more than %s after the history's first", stamp(minute), slo.FormatDuration(maxLength))
	}
	h.watched = append(h.watched, make([]bool, index-h.length+1)...)
	h.watched[index], h.length = true, index+1
	for i := range deltas {
		if err := h.take(index, &deltas[i]); err != nil {
			return fmt.Errorf("minute %s: %w", stamp(minute), err)
		}
	}
	return nil
}

func (h *History) take(index int64, d *slo.Delta) error {
	if len(h.only) > 0 && !slices.Contains(h.only, d.Instance.Objective) {
		return nil
	}
	id, known := h.ids[d.Instance]
	if !known {
		id = len(h.series)
		h.ids[d.Instance] = id
		h.series = append(h.series, series{instance: d.Instance, first: index})
		h.series[id].column.next = index
	}
	c := &h.series[id].column
	if known && c.next > index {
		return fmt.Errorf("%s stands in it twice", d.Instance)
	}
	if max(d.Counts.Good, d.Counts.Bad) > maxCount {
		return fmt.Errorf("%s has %d good and %d bad events, which cannot be", d.Instance, d.Counts.Good, d.Counts.Bad)
	}
	if d.Carried {
		h.carried[d.Instance.Objective] = true
	}
	c.add(index, d.Counts, d.Carried)
	return nil
}

// From is the history's first watched minute, the zero time where it is empty.
func (h *History) From() time.Time {
	if h.length == 0 {
		return time.Time{}
	}
	return h.time(0)
}

// To is the end of the last watched minute, the zero time where it is empty.
func (h *History) To() time.Time {
	if h.length == 0 {
		return time.Time{}
	}
	return h.time(h.length)
}

// Instances are those of an objective, in the order of their names.
func (h *History) Instances(objective string) []slo.Instance {
	var all []slo.Instance
	for i := range h.series {
		if h.series[i].instance.Objective == objective {
			all = append(all, h.series[i].instance)
		}
	}
	slices.SortFunc(all, slo.Instance.Compare)
	return all
}

// time is when the minute at an index begins.
func (h *History) time(index int64) time.Time { return time.Unix((h.base+index)*60, 0).UTC() }

// index is that of the minute that holds at.
func (h *History) index(at time.Time) int64 { return slo.Minute(at).Unix()/60 - h.base }

// unwatched is how many minutes of [from, to) nobody watched.
func (h *History) unwatched(from, to int64) int64 {
	n := int64(0)
	for _, watched := range h.watched[from:to] {
		if !watched {
			n++
		}
	}
	return n
}

var errEmpty = errors.New("the history is empty: there is nothing to replay")

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
