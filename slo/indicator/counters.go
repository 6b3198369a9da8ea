package indicator

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wardround/wardround/slo"
)

// counts ends an instance's minute. Where the parts exceed the total, which is
// read at another instant, the parts are right.
func (i *instance) counts() slo.Counts {
	c := slo.Counts{Good: i.grown[goodEvents], Bad: i.grown[badEvents]}
	indicator := &i.of.objective.Indicator
	all := max(i.grown[allEvents], i.grown[infEvents])
	rest := all - min(all, c.Good+c.Bad)
	switch {
	case indicator.Events != nil && indicator.Events.Good.Text == "":
		c.Good = rest
	case indicator.Events != nil || indicator.Histogram != nil:
		c.Bad = rest
	}
	i.reset()
	return c
}

func (i *instance) reset() {
	clear(i.grown[:])
	clear(i.seen[:])
}

// lookHistogram says whether a histogram's minute can be judged: each total must
// come with the bucket at the bound, or all that the bucket would hold would
// count as bad. A histogram's total is its _count or its last bucket, where it
// has both they say the same.
func (i *instance) lookHistogram() bool {
	totals := max(i.seen[allEvents], i.seen[infEvents])
	if totals == 0 {
		return false
	}
	i.blind = i.seen[goodEvents] < totals
	if i.blind {
		i.reset()
	}
	return !i.blind
}

// bucketRole is what the bucket that ends at le means to a histogram's
// indicator; ok is false where it means nothing.
func bucketRole(h *slo.Histogram, le string) (r role, ok bool) {
	bound, err := strconv.ParseFloat(le, 64)
	switch {
	case err != nil:
		return 0, false
	case bound == h.Within:
		return goodEvents, true
	case math.IsInf(bound, 1):
		return infEvents, true
	}
	return 0, false
}

// maxBounds is how many bounds of one metric are remembered; beyond it, each is
// looked at anew.
const maxBounds = 1000

// wants says whether an input reads the bucket that ends at le. Those that none
// reads take no memory of their own.
func (m *metric) wants(le string) bool {
	want, known := m.bounds[le]
	if known {
		return want
	}
	want = slices.ContainsFunc(m.inputs, func(in *input) bool {
		if in.role != bucket {
			return false
		}
		_, ok := bucketRole(in.of.objective.Indicator.Histogram, le)
		return ok
	})
	if len(m.bounds) < maxBounds {
		m.bounds[strings.Clone(le)] = want
	}
	return want
}

// known are the finite bounds of the buckets seen so far.
func (m *metric) known() []float64 {
	var all []float64
	for le := range m.bounds {
		if bound, err := strconv.ParseFloat(le, 64); err == nil && !math.IsInf(bound, 0) && !math.IsNaN(bound) {
			all = append(all, bound)
		}
	}
	return all
}
