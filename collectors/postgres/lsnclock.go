package postgres

import (
	"math"
	"slices"
	"time"
)

// lsnClock remembers when the sender was first known to have reached which position in the WAL.
// The server's own measure of a standby's lag counts from the last replayed commit, so after a
// quiet hour it begins at an hour, and it is off by what the clocks of both servers differ; this
// one counts on our own from when there was something to replay. It is exact to one round, and
// needs no writes on the primary.
type lsnClock struct {
	marks []lsnMark
	asked time.Time // the last time; zero before the first
}

// lsnMark says that the position was reached by the time, and not yet when last asked before.
type lsnMark struct {
	before, at time.Time
	lsn        int64
}

// keptMarks bounds the memory: a standby whose replay is paused for days keeps coarser marks.
const keptMarks = 1024

// behind takes in the position that the sender has reached, and returns for how long, at least and
// at most, it has been beyond the replayed one.
func (c *lsnClock) behind(now time.Time, told, replayed int64) (least, most time.Duration) {
	last := len(c.marks) - 1
	if last >= 0 && told < c.marks[last].lsn {
		c.marks, last = nil, -1 // another history: the positions no longer compare
	}
	if last < 0 || told > c.marks[last].lsn {
		c.marks = append(c.marks, lsnMark{before: c.asked, at: now, lsn: told})
	}
	c.asked = now
	c.marks = slices.DeleteFunc(c.marks, func(m lsnMark) bool { return m.lsn <= replayed && m.lsn < told })
	c.thin()
	first := c.marks[0]
	if first.lsn <= replayed {
		return 0, 0
	}
	most = math.MaxInt64
	if !first.before.IsZero() {
		most = now.Sub(first.before)
	}
	return now.Sub(first.at), most
}

// thin halves the marks when they are too many: each two become one with the earlier time and the
// later position, so that the lag is rather said too long than too short.
func (c *lsnClock) thin() {
	if len(c.marks) < keptMarks {
		return
	}
	kept := make([]lsnMark, 0, keptMarks)
	for pair := range slices.Chunk(c.marks, 2) {
		kept = append(kept, lsnMark{before: pair[0].before, at: pair[0].at, lsn: pair[len(pair)-1].lsn})
	}
	c.marks = kept
}
