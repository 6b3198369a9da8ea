package ledger

import (
	"maps"
	"time"
)

// SetLags says, by objective, how long after its end a minute may be recorded
// and be in time: that of a source which is asked late. So the youngest minutes
// before the ledger's end are not expected of these objectives' instances yet;
// what is there already counts all the same. A lag is rounded up to whole
// minutes; objectives that are not named have none. It is called at start and on
// reload, before Readers are made.
func (l *Ledger) SetLags(lags map[string]time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lags = maps.Clone(lags)
}

// lag is an objective's, in minutes.
func (l *Ledger) lag(objective string) int64 {
	return int64(max(0, l.lags[objective]+time.Minute-1) / time.Minute)
}

// due is the minute before which those of an instance are expected.
func (l *Ledger) due(id uint32) int64 {
	return l.end - l.lag(l.records[id].Instance.Objective)
}
