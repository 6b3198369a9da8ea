package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/ledger"
)

// brisk is a policy whose windows are short, so that much happens in a day.
func brisk() slo.Policy {
	pair := func(s slo.Severity, share slo.Ratio, long, short time.Duration) slo.Pair {
		return slo.Pair{Severity: s, Share: share, Long: long, Short: short}
	}
	return slo.Policy{Name: "brisk", Pairs: []slo.Pair{
		pair(slo.Page, 20_000_000, 20*time.Minute, 3*time.Minute),
		pair(slo.Page, 50_000_000, time.Hour, 5*time.Minute),
		pair(slo.Ticket, 100_000_000, 2*time.Hour, 10*time.Minute),
		pair(slo.Info, 200_000_000, 4*time.Hour, 20*time.Minute),
	}}
}

// randomVariants are promises that differ in all that may.
func randomVariants(t testing.TB, r *rand.Rand) []Variant {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	pick := func(all ...slo.Ratio) slo.Ratio { return all[r.IntN(len(all))] }
	var all []Variant
	for n := range 4 {
		o := promise(t, "targets: {default: 99%, dedicated: 99.5%}")
		o.Policy = brisk()
		o.Targets.Default = pick(910_000_000, 980_000_000, 990_000_000, 999_000_000)
		o.Targets.ByTenant = map[string]slo.Ratio{"a": pick(910_000_000, 999_000_000), "d": pick(910_000_000, 999_000_000)}
		o.MinCoverage = pick(0, slo.One/10, slo.One/2, slo.One*9/10)
		o.LowTraffic = slo.LowTraffic{MinBad: r.Uint64N(4), BudgetSpent: r.IntN(2) == 0}
		o.NoData = []slo.NoData{slo.NoDataIgnore, slo.NoDataGood, slo.NoDataBad}[r.IntN(3)]
		o.Window = slo.Window{Rolling: time.Duration(6+r.IntN(19)) * time.Hour}
		if r.IntN(3) == 0 {
			o.Window = slo.Window{Calendar: slo.Week, Zone: zone}
		}
		if r.IntN(8) == 0 {
			o.Policy.Pairs = nil
		}
		all = append(all, Variant{fmt.Sprint(n), o})
	}
	return all
}

// randomMinutes are a day and a half in the life of some tenants: quiet, failing
// or silent for a while each, from a Sunday evening on; with minutes in which
// nobody watched.
func randomMinutes(r *rand.Rand) []Minute {
	const tenants = 4
	var minutes []Minute
	moods := [tenants]int{}
	unwatched := 0
	for m := range 1800 {
		var deltas []slo.Delta
		for n := range tenants {
			if r.IntN(40) == 0 {
				moods[n] = r.IntN(12) // most are sound
			}
			d := slo.Delta{Instance: tenant(string(rune('a' + n))), Counts: slo.Counts{Good: r.Uint64N(12)}}
			switch moods[n] {
			case 1:
				d.Counts = slo.Counts{Good: r.Uint64N(5), Bad: r.Uint64N(10)}
			case 2:
				d.Counts.Bad = r.Uint64N(2)
			case 3:
				continue
			case 4:
				d.Counts = slo.Counts{}
			}
			if n == 3 && (m < 200 || m > 700 && m < 1300) { // comes late, and goes for longer than all windows
				continue
			}
			deltas = append(deltas, d)
		}
		if unwatched--; unwatched < 0 && r.IntN(150) == 0 {
			unwatched = r.IntN(40)
		}
		if unwatched <= 0 {
			minutes = append(minutes, Minute{at(m + 22*60), deltas})
		}
	}
	return minutes
}

// lived is what the daemon would have done: each minute goes into the ledger, all
// of the ledger is judged, one book pages.
type lived struct {
	objective *slo.Objective
	judge     *slo.Judge
	book      alert.Book
	loud      map[slo.Instance]bool
	open      map[string]int

	alerts   []Alert
	statuses map[slo.Instance]map[slo.Status]int
	last     map[slo.Instance]slo.Evaluation
}

// inMemory is a directory whose files need not wait for a disk, where there is
// such a thing.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "wardround-simulate-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func live(t *testing.T, minutes []Minute, variants []Variant, tier func(slo.Instance) string) []*lived {
	t.Helper()
	l, err := ledger.Open(inMemory(t), ledger.DefaultOptions())
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	var all []*lived
	var objectives []slo.Objective
	for i := range variants {
		o := &variants[i].Objective
		objectives = append(objectives, *o)
		all = append(all, &lived{
			objective: o, judge: slo.NewJudge(o), book: alert.Book{Forget: alert.DefaultForget}, open: map[string]int{},
			statuses: map[slo.Instance]map[slo.Status]int{}, last: map[slo.Instance]slo.Evaluation{},
		})
	}
	require.NoError(t, l.Watch(ledger.Windows(objectives)))
	for _, m := range minutes {
		require.NoError(t, l.Append(m.At, m.Deltas))
		for _, p := range all {
			p.tick(l, tier)
		}
	}
	for _, p := range all {
		slices.SortFunc(p.alerts, compareAlerts)
	}
	return all
}

func (p *lived) tick(l *ledger.Ledger, tier func(slo.Instance) string) {
	var conditions []alert.Condition
	before := p.loud
	p.loud = map[slo.Instance]bool{}
	read := l.Reader(p.objective)
	for i := range l.Instances() {
		e := p.judge.Evaluate(*read(i, tier(i)))
		if p.forgotten(&e) {
			continue
		}
		if p.statuses[i] == nil {
			p.statuses[i] = map[slo.Status]int{}
		}
		p.statuses[i][e.Status]++
		p.last[i] = e
		if !alert.Quiet(&e) {
			p.loud[i] = true
		}
		if p.loud[i] || before[i] {
			conditions = append(conditions, alert.Conditions(p.objective, &e)...)
		}
	}
	for _, step := range p.book.Step(l.Through(), conditions) {
		p.take(step)
	}
}

func (p *lived) forgotten(e *slo.Evaluation) bool {
	windows := p.objective.Policy.Windows()
	if len(windows) == 0 {
		return e.Period.Measured == 0
	}
	return !slices.ContainsFunc(e.Burn, func(b slo.Burn) bool { return b.Window == slices.Max(windows) && b.Tally.Measured > 0 })
}

func (p *lived) take(step alert.Transition) {
	labels := step.Alert.Labels
	key := fmt.Sprint(labels)
	index, stands := p.open[key]
	switch {
	case step.To == alert.Firing && !stands:
		p.open[key] = len(p.alerts)
		p.alerts = append(p.alerts, Alert{
			Instance: tenant(labels["tenant"]), Name: labels["alertname"],
			Severity: slo.Severity(labels["severity"]), LongWindow: labels["long_window"], Started: step.At,
		})
	case step.To == alert.Resolved && stands:
		p.alerts[index].Resolved = step.At
		delete(p.open, key)
	}
}

func compareAlerts(a, b Alert) int {
	return cmp.Or(a.Started.Compare(b.Started), a.Instance.Compare(b.Instance), cmp.Compare(a.Name, b.Name), cmp.Compare(a.LongWindow, b.LongWindow))
}

// TestReplayIsWhatWas replays random histories and finds what the daemon did: the
// same alerts from and to the same minutes, the same statuses and budgets.
func TestReplayIsWhatWas(t *testing.T) {
	tier := func(i slo.Instance) string { return map[string]string{"b": "dedicated"}[i.Tenant()] }
	alerts := map[string]int{}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			minutes := randomMinutes(r)
			h := NewHistory()
			for _, m := range minutes {
				require.NoError(t, h.Add(m.At, m.Deltas))
			}
			variants := randomVariants(t, r)
			got := replayed(t, h, Options{Tier: tier}, variants...)
			for k, want := range live(t, minutes, variants, tier) {
				v, o := variants[k], got.Variants[k]
				for i := range o.Alerts {
					a := &o.Alerts[i]
					alerts[a.Name]++
					a.Frozen, a.PeakBurnRate, a.PeakConsumedRatio = 0, 0, 0
				}
				slices.SortFunc(o.Alerts, compareAlerts)
				require.Empty(t, gocmp.Diff(want.alerts, o.Alerts, gocmp.Comparer(sameAlert), cmpopts.EquateEmpty()), "%+v", v.Objective)
				for _, i := range o.Instances {
					looks := map[slo.Status]int{}
					for n, status := range slo.Statuses() {
						if i.ticks[n] > 0 {
							looks[status] = int(i.ticks[n])
						}
					}
					require.Equal(t, want.statuses[i.Instance], looks, "%s of %+v", i.Instance, v.Objective)
					last := want.last[i.Instance]
					require.Equal(t, last.Status, i.Status)
					counts := slo.Counts{Good: i.Good, Bad: i.Bad}
					require.Equal(t, last.Period.Counts, counts)
					require.Equal(t, fmt.Sprint(last.Budget.Consumed), fmt.Sprint(float64(i.ConsumedRatio)))
				}
			}
		})
	}
	for _, name := range []string{alert.BurnName, alert.ExhaustedName, alert.NoDataName, alert.ProjectedName} {
		require.Positive(t, alerts[name], "the histories never come to %s", name)
	}
}

func sameAlert(a, b Alert) bool { return a == b }

// TestCalmIsWhatTheJudgeSays: where a minute is spared, judging it finds nothing.
func TestCalmIsWhatTheJudgeSays(t *testing.T) {
	calm, judged := 0, 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 8))
		h := NewHistory()
		for _, m := range randomMinutes(r) {
			require.NoError(t, h.Add(m.At, m.Deltas))
		}
		opts, err := Options{Variants: randomVariants(t, r)}.ready(h)
		require.NoError(t, err)
		w := worker{run: newRun(h, opts)}
		for v := range opts.Variants {
			for _, s := range w.series {
				p := newReplay(&w, v, s.instance, "")
				w.timeline.sum(h, s, p.objective, nil)
				for p.at = s.first + 1; p.at <= h.length; p.at++ {
					now := h.time(p.at)
					period := w.timeline.tally(p.period(now), p.at)
					judged++
					if !p.calm.at(&w.timeline, p.at, &period) {
						continue
					}
					calm++
					p.evaluate(now, period)
					if p.state.Status != slo.OK || !alert.Quiet(&p.state) {
						require.Fail(t, "not calm", "%s at %s: %+v", s.instance, now, p.state)
					}
				}
			}
		}
	}
	require.Greater(t, calm, judged/20, "of %d", judged)
}

// TestReplayIsRepeatable: what runs in parallel comes in order.
func TestReplayIsRepeatable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	h := NewHistory()
	for _, m := range randomMinutes(r) {
		require.NoError(t, h.Add(m.At, m.Deltas))
	}
	opts := Options{Variants: randomVariants(t, r)}
	first, err := Run(context.WithoutCancel(t.Context()), h, opts)
	require.NoError(t, err)
	again, err := Run(t.Context(), h, opts)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", again))
}
