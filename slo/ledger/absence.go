package ledger

import (
	"maps"
	"math"
	"slices"

	"github.com/wardround/wardround/slo"
)

// absence is a stretch in which nothing was promised: the minutes [From, To), or
// all from From on while it lasts.
type absence struct {
	From int64 `json:"from_minute"`
	To   int64 `json:"to_minute,omitempty"`
}

func (a absence) end() int64 {
	if a.To == 0 {
		return math.MaxInt64
	}
	return a.To
}

// absences are stretches in their order, none overlapping, of which the last may
// last. They are never changed in place. No row holds an entry of
// somebody who is absent in its minute, so that sums need not know of them.
type absences []absence

// maxAbsences bounds what is kept; the oldest is forgotten, and its minutes are
// missing.
const maxAbsences = 1000

func (all absences) lasting() bool { return len(all) > 0 && all[len(all)-1].To == 0 }

// begin has one last from a minute on.
func (all absences) begin(at int64) absences {
	if all.lasting() {
		return all
	}
	return append(slices.Clone(all[max(0, len(all)+1-maxAbsences):]), absence{From: max(at, all.returned())})
}

// finish ends the one that lasts.
func (all absences) finish(at int64) absences {
	last := len(all) - 1
	switch {
	case !all.lasting():
		return all
	case all[last].From >= at:
		return slices.Clone(all[:last])
	}
	return append(slices.Clone(all[:last]), absence{all[last].From, at})
}

// without takes one minute out.
func (all absences) without(m int64) absences {
	var kept absences
	for _, a := range all {
		if m < a.From || a.end() <= m {
			kept = append(kept, a)
			continue
		}
		if a.From < m {
			kept = append(kept, absence{a.From, m})
		}
		if m+1 < a.end() {
			kept = append(kept, absence{m + 1, a.To})
		}
	}
	return kept[max(0, len(kept)-maxAbsences):]
}

// united are the minutes of either.
func (all absences) united(others absences) absences {
	if len(all) == 0 || len(others) == 0 {
		return append(all[:len(all):len(all)], others...)
	}
	both := slices.Concat(all, others)
	slices.SortFunc(both, func(a, b absence) int { return int(a.From - b.From) })
	kept := both[:1]
	for _, a := range both[1:] {
		switch last := &kept[len(kept)-1]; {
		case a.From > last.end():
			kept = append(kept, a)
		case a.end() > last.end():
			last.To = a.To
		}
	}
	return kept
}

// within hands out the parts in [from, to), latest first: most ask for what was
// lately.
func (all absences) within(from, to int64, visit func(from, to int64)) {
	for k := len(all) - 1; k >= 0 && all[k].end() > from; k-- {
		if a, b := max(from, all[k].From), min(to, all[k].end()); a < b {
			visit(a, b)
		}
	}
}

// minutes is how many of [from, to) there are.
func (all absences) minutes(from, to int64) (n int64) {
	all.within(from, to, func(from, to int64) { n += to - from })
	return n
}

func (all absences) at(m int64) bool {
	for k := len(all) - 1; k >= 0 && all[k].end() > m; k-- {
		if all[k].From <= m {
			return true
		}
	}
	return false
}

// returned is the end of the last one that is over, 0 without any.
func (all absences) returned() int64 {
	for k := len(all) - 1; k >= 0; k-- {
		if all[k].To > 0 {
			return all[k].To
		}
	}
	return 0
}

// Attend says who there is from now on, and of which tier, of all instances with
// a record: at start, and whenever tenants come, go or change. Who was there and
// is not any more is absent until there again: nothing was promised meanwhile,
// so those minutes are neither expected nor missing, and what is recorded for
// them is left out. Who never was there is a stranger, and recorded all the same.
// The tier of one who left stays what it was. It is written with the next minute;
// who must not call the ledger.
func (l *Ledger) Attend(who func(slo.Instance) (tier string, there bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.ids {
		r := &l.records[id]
		tier, there := who(r.Instance)
		switch {
		case there && (!r.Known || r.Tier != tier || r.Absences.lasting()):
			r.Known, r.Tier, r.Absences = true, tier, r.Absences.finish(l.end)
		case !there && r.Known && !r.Absences.lasting():
			r.Absences = r.Absences.begin(l.newest)
		default:
			continue
		}
		l.unsaved[id] = true
		l.miss(id)
	}
}

// attendance are the absences of objectives as they are while some are defined
// and others not, and whether that is news.
func (l *Ledger) attendance(defined map[string]bool) (all map[string]absences, news bool) {
	all = maps.Clone(l.absent)
	for name := range l.measures {
		switch was := all[name]; {
		case defined[name] && was.lasting():
			all[name], news = was.finish(l.end), true
		case !defined[name] && !was.lasting():
			all[name], news = was.begin(l.newest), true
		}
	}
	return all, news
}

// miss brings an instance's absences up to those of its objective and its own.
func (l *Ledger) miss(id uint32) {
	r := &l.records[id]
	l.away[id] = l.absent[r.Instance.Objective].united(r.Absences)
	l.returned = max(l.returned, r.Absences.returned())
}

func (l *Ledger) missAll() {
	l.away = make([]absences, len(l.records))
	l.returned = 0
	for _, all := range l.absent {
		l.returned = max(l.returned, all.returned())
	}
	for id := range l.records {
		l.miss(uint32(id))
	}
}

// lived takes an appended minute out of all absences that are over: the clock
// went back, and whoever returned is expected in it.
func (l *Ledger) lived(m int64) {
	if m >= l.returned {
		return
	}
	for name, all := range l.absent {
		if !all.lasting() && all.at(m) {
			l.absent[name], l.absentNews = all.without(m), true
		}
	}
	for id := range l.records {
		if r := &l.records[id]; !r.Absences.lasting() && r.Absences.at(m) {
			r.Absences, l.unsaved[uint32(id)] = r.Absences.without(m), true
		}
	}
	l.missAll()
}
