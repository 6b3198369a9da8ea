package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// step moves the wall clock as it moves in the field: on by a minute, ahead over
// a gap, back, or nowhere.
func step(r *rand.Rand) int64 {
	switch r.IntN(40) {
	case 0:
		return r.Int64N(300)
	case 1:
		return -r.Int64N(200)
	case 2:
		return r.Int64N(3 * 1440)
	case 3:
		return 0
	}
	return 1
}

func randomDeltas(r *rand.Rand) []slo.Delta {
	var deltas []slo.Delta
	for n := range 6 {
		if r.IntN(5) == 0 {
			continue
		}
		c := slo.Counts{Good: uint64(r.IntN(3)), Bad: uint64(r.IntN(2))}
		if r.IntN(20) == 0 {
			c.Good = r.Uint64N(1 << 40)
		}
		deltas = append(deltas, slo.Delta{Instance: tenant(n * r.IntN(4)), Counts: c, Carried: r.IntN(10) == 0})
	}
	if r.IntN(2) == 0 {
		deltas = append(deltas, slo.Delta{Instance: slo.NewInstance("mail"), Counts: slo.Counts{Bad: 1}})
	}
	return deltas
}

// randomExclusion is one around a minute: short or for days, once or every day,
// of all or of some.
func randomExclusion(r *rand.Rand, id int, m int64) slo.Exclusion {
	from := m + r.Int64N(2*1440) - 1440
	length := []int64{1, 7, 60, 300, 1300, 4000}[r.IntN(6)]
	x := slo.Exclusion{
		ID: fmt.Sprint(id), From: minuteTime(from), To: minuteTime(from + length),
		Mode: []slo.ExclusionMode{slo.Remove, slo.AsGood}[r.IntN(2)], Category: slo.Correction,
	}
	if length < 1440 && r.IntN(2) == 0 {
		x.Rule, x.Zone = "FREQ=DAILY;INTERVAL=2", "Europe/Berlin"
	}
	switch r.IntN(4) {
	case 0:
		x.Scope.Objectives = []string{"login"}
	case 1:
		x.Scope.Tenants = []string{tenant(r.IntN(16)).Tenant(), tenant(0).Tenant()}
	case 2:
		x.Scope.Tiers = []string{"dedicated"}
	}
	return x
}

// history drives a ledger and a naive record through the same life.
type history struct {
	t       *testing.T
	r       *rand.Rand
	dir     string
	ledger  *Ledger
	want    *naive
	windows []slo.Window
	watched []slo.Window // and those that a Reader needs
	renewed int
	gone    map[string]bool // objectives and tenants that are no more
	m       int64
}

func (h *history) reopen() {
	if h.ledger != nil {
		require.NoError(h.t, h.ledger.Close())
	}
	switch h.r.IntN(4) {
	case 0:
		_, _, err := Compact(h.dir, DefaultOptions())
		require.NoError(h.t, err)
	case 1:
		if h.ledger != nil {
			h.open(Options{Retention: DefaultOptions().Retention, ReadOnly: true})
			h.compare()
			require.NoError(h.t, h.ledger.Close())
		}
	}
	h.open(DefaultOptions())
	h.ledger.db.NoSync = true
}

func (h *history) open(o Options) {
	l, err := Open(h.dir, o)
	require.NoError(h.t, err)
	h.ledger = l
	require.Empty(h.t, h.define())
	if h.r.IntN(2) == 0 { // in either order
		require.NoError(h.t, l.SetExclusions(h.want.exclusions, tierOf))
		require.NoError(h.t, l.Watch(h.watched))
		return
	}
	require.NoError(h.t, l.Watch(h.watched))
	require.NoError(h.t, l.SetExclusions(h.want.exclusions, tierOf))
}

// define gives the ledger the objectives of two that there are, of which mail
// measures something else each time it is renewed.
func (h *history) define() []string {
	h.t.Helper()
	at := func(text string) slo.Indicator {
		return slo.Indicator{Probe: &slo.Probe{Success: slo.Selector{Text: text}}}
	}
	all := []slo.Objective{
		{Name: "login", Indicator: at("login_ok")},
		{Name: "mail", Indicator: at(fmt.Sprintf("mail_ok_%d", h.renewed))},
	}
	renewed, err := h.ledger.Define(slices.DeleteFunc(all, func(o slo.Objective) bool { return h.gone[o.Name] }))
	require.NoError(h.t, err)
	return renewed
}

// turn lets an objective go that is there, or come back.
func (h *history) turn(objective string) {
	if h.gone[objective] = !h.gone[objective]; h.gone[objective] {
		h.want.leave(objective)
	} else {
		h.want.comeBack(objective)
	}
	if h.r.IntN(2) == 0 {
		require.Empty(h.t, h.define())
	} else {
		h.reopen()
	}
}

// attend lets tenants come and go. Those that begin gone are strangers.
func (h *history) attend() {
	for range 3 {
		tenant := tenant(h.r.IntN(16)).Tenant()
		h.gone[tenant] = !h.gone[tenant]
	}
	h.ledger.Attend(func(i slo.Instance) (string, bool) { return tierOf(i), !h.gone[i.Tenant()] })
	w := h.want
	for i := range w.first {
		_, left := w.left[i]
		switch there := !h.gone[i.Tenant()]; {
		case there && left:
			w.comeBack(i)
		case !there && !left && w.known[i]:
			w.leave(i)
		case there:
			w.known[i] = true
		}
	}
}

// late adds minutes around the present one and before.
func (h *history) late() {
	fill := h.r.IntN(2) == 0
	minutes := map[int64][]slo.Delta{}
	var order []int64
	from := h.m - h.r.Int64N(3000)
	for range h.r.IntN(40) {
		m := from + h.r.Int64N(3100)
		if minutes[m] == nil {
			minutes[m] = randomDeltas(h.r)
			order = append(order, m)
		}
	}
	for _, m := range order {
		h.want.add(m, minutes[m], fill)
	}
	how := h.ledger.AddAll
	if fill {
		how = h.ledger.Fill
	}
	taken, err := how(func(yield func(time.Time, []slo.Delta) bool) {
		for _, m := range order {
			if !yield(minuteTime(m), minutes[m]) {
				return
			}
		}
	})
	require.NoError(h.t, err)
	require.Equal(h.t, len(order), taken)
}

func (h *history) exclude(id int) {
	w := h.want
	if len(w.exclusions) > 3 || len(w.exclusions) > 0 && h.r.IntN(3) == 0 {
		k := h.r.IntN(len(w.exclusions))
		w.exclusions = slices.Delete(slices.Clone(w.exclusions), k, k+1)
	} else {
		w.exclusions = append(w.exclusions, randomExclusion(h.r, id, h.m))
	}
	require.NoError(h.t, h.ledger.SetExclusions(w.exclusions, tierOf))
}

func (h *history) append() {
	h.m += step(h.r)
	deltas := randomDeltas(h.r)
	h.want.live(h.m)
	h.want.add(h.m, deltas, false)
	h.want.end = h.m + 1
	require.NoError(h.t, h.ledger.Append(minuteTime(h.m), deltas))
}

// TestEqualsNaiveRecount drives random histories with gaps, clock steps,
// restarts, late data, exclusions, renewed objectives, and objectives and tenants
// that go and come back, and counts everything again the slow way.
func TestEqualsNaiveRecount(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			h := &history{t: t, r: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir(), want: newNaive(), windows: windows(t), gone: map[string]bool{}, m: start.Unix() / 60}
			h.watched = append(Windows([]slo.Objective{benchObjective(t)}), h.windows...)
			h.reopen()
			for n := range 500 {
				h.append()
				switch h.r.IntN(60) {
				case 0:
					h.reopen()
				case 1, 2:
					h.late()
				case 3, 4, 5:
					h.exclude(n)
				case 6:
					if !h.gone["mail"] {
						h.renewed++
						require.Equal(t, []string{"mail"}, h.define())
						h.want.renew("mail")
					}
				case 7, 8:
					h.turn([]string{"login", "mail"}[h.r.IntN(2)])
				case 9, 10, 11:
					h.attend()
				}
				if n%40 == 0 {
					h.compare()
				}
			}
			h.compare()
			report, err := h.ledger.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, report.Faults)
			require.NoError(t, h.ledger.Close())
		})
	}
}

func (h *history) compare() {
	t, l, want := h.t, h.ledger, h.want
	require.Equal(t, want.end*60, l.Through().Unix())
	at := minuteTime(want.end)
	from := want.end - h.r.Int64N(5*1440)
	to := from + h.r.Int64N(2*1440)
	h.compareMissing(from, min(to, from+400))
	edges := []time.Time{minuteTime(from), minuteTime((from + to) / 2), minuteTime(to)}
	slices := map[slo.Instance]slo.Tally{}
	require.NoError(t, l.Walk(edges, func(s Slice) error {
		for i, tally := range s.All() {
			slices[i] = plus(slices[i], tally)
		}
		return nil
	}))
	o := benchObjective(t)
	read := l.Reader(&o)
	for _, i := range []slo.Instance{tenant(0), tenant(h.r.IntN(16)), slo.NewInstance("mail")} {
		for _, w := range h.windows {
			from, _ := w.Ending(at)
			require.Equal(t, want.tally(i, from.Unix()/60, want.end), l.Tally(i, w), "%s over %s at %s", i, w, at)
		}
		for k, d := range o.BurnWindows() {
			require.Equal(t, l.Tally(i, slo.Window{Rolling: d}), read(i, "").Burns[k], "%s read over %s", i, d)
		}
		got, err := l.Sum(i, minuteTime(from), minuteTime(to))
		require.NoError(t, err)
		require.Equal(t, want.tally(i, from, to), got, "%s in [%d, %d)", i, from, to)
		require.Equal(t, got, slices[i], "the slices make the whole")
		raw, err := l.SumRaw(i, minuteTime(from), minuteTime(to))
		require.NoError(t, err)
		plain := *want
		plain.exclusions = nil
		require.Equal(t, plain.tally(i, from, to), raw, "%s in [%d, %d), raw", i, from, to)
	}
}

func (h *history) compareMissing(from, to int64) {
	objective := []string{"login", "mail"}[h.r.IntN(2)]
	spans, err := h.ledger.Missing(objective, minuteTime(from), minuteTime(to))
	require.NoError(h.t, err)
	missing := time.Duration(0)
	for _, s := range spans {
		missing += s.To.Sub(s.From)
	}
	require.Equal(h.t, h.want.missing(objective, from, to), int64(missing/time.Minute), "%s in [%d, %d)", objective, from, to)
}

func plus(a, b slo.Tally) slo.Tally {
	return slo.Tally{
		Counts: a.Counts.Add(b.Counts), Measured: a.Measured + b.Measured,
		Expected: a.Expected + b.Expected, Excluded: a.Excluded + b.Excluded,
	}
}
