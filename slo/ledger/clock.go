package ledger

import "time"

// doubtful is for how many appended minutes a skip of the ledger's time is
// doubted: as long as a wrong clock may go unnoticed.
const doubtful = 7 * 24 * hour

// steady notes that the ledger's end moves. A step ahead of more than an hour may
// be a downtime or a clock that is wrong, which look the same from here. So what
// was skipped is not believed to have passed, until the clock goes back, or has
// gone on for long enough.
func (l *Ledger) steady(end int64) {
	if l.end == 0 || l.filled {
		return
	}
	switch step := end - l.end; {
	case step > hour:
		l.skipped, l.doubt = max(l.skipped, step-1), doubtful
		l.opts.Logger.Warn("the ledger's time went ahead at once, by a downtime or by a clock that is wrong: calendar periods close later by as much for some days",
			"from", minuteTime(l.end), "to", minuteTime(end), "days", doubtful/(24*hour))
	case step < 0:
		l.skipped = max(0, l.skipped+step-1) // this minute has passed too
	case step > 0 && l.doubt > 0:
		l.doubt--
	}
	if l.skipped == 0 || l.doubt == 0 {
		l.skipped, l.doubt = 0, 0
	}
}

// passed is the ledger's time without what was skipped and is doubted.
func (l *Ledger) passed() time.Time { return minuteTime(l.end - l.skipped) }

// retained is the first minute within the retention: a clock that is ahead must
// not cost any.
func (l *Ledger) retained() int64 { return l.end - l.skipped - int64(l.opts.Retention/time.Minute) }
