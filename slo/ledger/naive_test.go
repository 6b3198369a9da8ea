package ledger

import (
	"github.com/wardround/wardround/slo"
)

// naive is the record as anybody would keep it: every minute of every instance,
// every exclusion asked about every minute, and a mark for every minute of an
// absence, of an objective (by name) or of an instance.
type naive struct {
	left       map[any]int64 // who is absent now: since when
	absent     map[any]map[int64]bool
	known      map[slo.Instance]bool // who was there once
	minutes    map[int64]map[slo.Instance]slo.Delta
	first      map[slo.Instance]int64
	exclusions []slo.Exclusion
	end        int64
}

func newNaive() *naive {
	return &naive{
		minutes: map[int64]map[slo.Instance]slo.Delta{}, first: map[slo.Instance]int64{},
		left: map[any]int64{}, absent: map[any]map[int64]bool{}, known: map[slo.Instance]bool{},
	}
}

// leave has an absence begin after all that is recorded.
func (n *naive) leave(who any) {
	since := n.end
	for m := range n.minutes {
		since = max(since, m+1)
	}
	n.left[who] = since
}

// comeBack has an absence end now.
func (n *naive) comeBack(who any) {
	if n.absent[who] == nil {
		n.absent[who] = map[int64]bool{}
	}
	for m := n.left[who]; m < n.end; m++ {
		n.absent[who][m] = true
	}
	delete(n.left, who)
}

func (n *naive) away(i slo.Instance, m int64) bool { return n.presence(i, m, m+1)[0] }

// presence says of each minute of [from, to) whether an instance is away.
func (n *naive) presence(i slo.Instance, from, to int64) []bool {
	all := make([]bool, max(0, to-from))
	for _, who := range []any{i.Objective, i} {
		since, left := n.left[who]
		absent := n.absent[who]
		for m := from; m < to && (left || len(absent) > 0); m++ {
			all[m-from] = all[m-from] || left && m >= since || absent[m]
		}
	}
	return all
}

// live takes a minute out of the absences of all who are there.
func (n *naive) live(m int64) {
	for who, minutes := range n.absent {
		if _, left := n.left[who]; !left {
			delete(minutes, m)
		}
	}
}

func (n *naive) add(m int64, deltas []slo.Delta, fill bool) {
	if n.minutes[m] == nil {
		n.minutes[m] = map[slo.Instance]slo.Delta{}
	}
	measured := map[slo.Instance]bool{}
	for i, d := range n.minutes[m] {
		measured[i] = !d.Carried
	}
	for _, d := range deltas {
		if n.away(d.Instance, m) {
			continue
		}
		if first, there := n.first[d.Instance]; !there || m < first {
			n.first[d.Instance] = m
		}
		old, there := n.minutes[m][d.Instance]
		switch {
		case there && d.Carried, fill && measured[d.Instance]:
			continue
		case there && !old.Carried:
			d.Counts = d.Counts.Add(old.Counts)
		}
		n.minutes[m][d.Instance] = d
	}
}

// renew forgets the histories of an objective.
func (n *naive) renew(objective string) {
	for _, row := range n.minutes {
		for i := range row {
			if i.Objective == objective {
				delete(row, i)
			}
		}
	}
	for i := range n.first {
		if i.Objective == objective {
			delete(n.first, i)
			delete(n.known, i)
			delete(n.left, i)
			delete(n.absent, i)
		}
	}
}

// tierOf is a tier for every tenant.
func tierOf(i slo.Instance) string {
	if i.Tenant() < "clinic-006" {
		return "dedicated"
	}
	return "shared"
}

// marks are those of one instance for each minute of [from, to).
func (n *naive) marks(i slo.Instance, from, to int64) []slo.ExclusionMode {
	all := make([]slo.ExclusionMode, max(0, to-from))
	for _, x := range n.exclusions {
		if !x.Scope.Applies(i, tierOf(i)) {
			continue
		}
		for _, s := range x.Spans(minuteTime(from), minuteTime(to)) {
			for m := s.From.Unix() / 60; m < s.To.Unix()/60; m++ {
				if all[m-from] != slo.Remove {
					all[m-from] = x.Mode
				}
			}
		}
	}
	return all
}

func (n *naive) tally(i slo.Instance, from, to int64) (t slo.Tally) {
	first, known := n.first[i]
	from, to = max(from, first), min(to, n.end)
	if !known || to <= from {
		return t
	}
	away := n.presence(i, from, to)
	for k, mark := range n.marks(i, from, to) {
		if away[k] {
			continue
		}
		t.Expected++
		d, there := n.minutes[from+int64(k)][i]
		switch mark {
		case slo.Remove:
			t.Excluded++
			continue
		case slo.AsGood:
			d.Counts = slo.Counts{Good: d.Counts.Total()}
		}
		t.Counts = t.Counts.Add(d.Counts)
		if there && !d.Carried {
			t.Measured++
		}
	}
	return t
}

// missing counts the minutes of [from, to) in which an objective was promised to
// somebody and nothing of it was measured.
func (n *naive) missing(objective string, from, to int64) (missing int64) {
	for m := from; m < to; m++ {
		measured, some, all := false, false, true
		for i := range n.first {
			if i.Objective == objective {
				d, there := n.minutes[m][i]
				measured = measured || there && !d.Carried
				some, all = true, all && n.away(i, m)
			}
		}
		if !measured && !(some && all) && !n.away(slo.NewInstance(objective), m) {
			missing++
		}
	}
	return missing
}
