package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

const (
	// riskBelow is the share of the error budget under which a kept promise is at risk.
	riskBelow = 0.25
	// worstDays is how many bad days the report lists.
	worstDays = 12
)

// Build makes the report. It fails on days that are not those of the month, and on objectives of the same name.
func Build(in Input) (Model, error) {
	if err := in.validate(); err != nil {
		return Model{}, err
	}
	from, to := in.Month.Bounds()
	rows := in.rows()
	m := Model{
		Platform: in.Platform, Month: in.Month.String(), Title: in.Month.Title(), Zone: in.Month.zone().String(),
		From: from, To: to, Issued: in.Issued.In(in.Month.zone()), Open: in.Issued.Before(to),
		Uncounted: in.uncounted(rows), WorstDays: in.worst(rows),
	}
	m.Tiers = in.tiers(rows)
	m.Rest = show(m.Tiers, rows)
	m.Period, m.Scope = periodLine(in.Month, from, to, m.Issued, m.Open), scopeLine(rows)
	for _, q := range slo.Questions() {
		m.Answers = append(m.Answers, answer(q, about(rows, q), len(in.Month.Edges())-1))
	}
	m.Method = method(rows, m)
	return m, nil
}

// rows are all instances that had a record in the month, worst first.
func (in Input) rows() []Row {
	tenants := make(map[string]Tenant, len(in.Tenants))
	for _, t := range in.Tenants {
		tenants[t.Name] = t
	}
	order, judges := make(map[string]int, len(in.Objectives)), make([]judge, len(in.Objectives))
	for i, o := range in.Objectives {
		order[o.Name], judges[i] = i, in.judge(o)
	}
	closed := in.closed()
	seen := map[slo.Instance]bool{}
	var rows []Row
	add := func(instance slo.Instance) {
		if at, reported := order[instance.Objective]; reported && !seen[instance] {
			seen[instance] = true
			rows = append(rows, in.row(&in.Objectives[at], judges[at], instance, tenants[instance.Tenant()], closed[instance]))
		}
	}
	for _, day := range in.Days {
		for instance := range day.Tallies {
			add(instance)
		}
	}
	for instance := range closed { // of some the record does not go on
		add(instance)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.worse(b), cmp.Compare(order[a.Objective], order[b.Objective]), a.Instance.Compare(b.Instance))
	})
	return rows
}

// worse orders rows by verdict, then by how much of the budget they used.
func (r Row) worse(other Row) int {
	return cmp.Or(
		cmp.Compare(slices.Index(verdicts(), r.Verdict), slices.Index(verdicts(), other.Verdict)),
		cmp.Compare(float64(other.BudgetUsed), float64(r.BudgetUsed)))
}

// row judges one instance over the whole month, and each of its days. What was closed stays as it was.
func (in Input) row(o *slo.Objective, j judge, instance slo.Instance, tenant Tenant, c *Closed) Row {
	tier := tenant.Tier
	if c != nil {
		tier, j = c.Tier, in.judge(c.promise(o))
	}
	var sum slo.Tally
	for _, day := range in.Days {
		sum = plus(sum, day.Tallies[instance])
	}
	month := j(instance, tier, sum)
	e, life := month, in.life(instance)
	if c != nil {
		e, sum, life = c.evaluate(j), c.Recorded, c.life()
	}
	r := Row{
		Instance: instance, Objective: o.Name, Title: cmp.Or(o.Title, o.Name), Question: o.Question,
		Subject: subject(instance), Region: tenant.Region, tier: tier, Target: e.Target, Verdict: verdict(e),
		Good: e.Period.Good, Bad: e.Period.Bad, AchievedRatio: Share(1 - e.ErrorRatio),
		Measured: sum.Measured, Expected: sum.Expected, Excluded: sum.Excluded,
		BudgetUsed: Share(e.Budget.Consumed), remains: Share(e.Budget.Remaining), CoverageRatio: Share(math.NaN()),
		life: life, closed: c, Final: c != nil,
	}
	if c != nil {
		r.ClosedAt = c.At
	}
	if share, due := sum.Coverage(); due {
		r.CoverageRatio = Share(share.Float())
	}
	if e.Period.Counts == month.Period.Counts { // else the record was changed after the month was closed
		r.days = in.daysOf(instance, tier, j, month.Period)
	}
	return r
}

// daysOf are an instance's days as shares of its month.
func (in Input) daysOf(instance slo.Instance, tier string, j judge, month slo.Tally) []dayOf {
	judge := func(t slo.Tally) slo.Evaluation { return j(instance, tier, t) }
	var days []dayOf
	var soFar uint64
	for _, day := range in.Days {
		tally := day.Tallies[instance]
		counts := judge(tally).Period.Counts
		soFar += counts.Bad
		days = append(days, dayOf{
			counts: counts, measured: tally.Measured > 0 || tally.Expected > 0 && tally.Missing() == 0,
			left: Share(judge(failing(month, soFar)).Budget.Remaining),
			used: Share(judge(failing(month, counts.Bad)).Budget.Consumed),
		})
	}
	return days
}

// life is since when, and until when, an instance was to be measured in the month.
func (in Input) life(i slo.Instance) slo.Span {
	end := in.through()
	for _, d := range in.Days {
		if minutes := d.Tallies[i].Expected; minutes > 0 {
			to := d.To
			if end.Before(to) {
				to = end
			}
			return slo.Span{From: to.Add(-time.Duration(minutes) * time.Minute), To: end}
		}
	}
	return slo.Span{}
}

// through is where the record of the month ends.
func (in Input) through() time.Time {
	from, to := in.Month.Bounds()
	switch {
	case len(in.Days) == 0:
		return from
	case in.Through.IsZero() || in.Through.After(to):
		return in.Days[len(in.Days)-1].To
	}
	return in.Through
}

// judge evaluates a tally of an instance in a tier.
type judge func(i slo.Instance, tier string, t slo.Tally) slo.Evaluation

// judge takes the month as a window of its own, whatever window the objective alerts on.
func (in Input) judge(monthly slo.Objective) judge {
	from, to := in.Month.Bounds()
	monthly.Window, monthly.Policy = slo.Window{Rolling: to.Sub(from)}, slo.Policy{}
	j := slo.NewJudge(&monthly)
	return func(i slo.Instance, tier string, t slo.Tally) slo.Evaluation {
		return j.Evaluate(slo.Input{Instance: i, Tier: tier, At: to, Period: t})
	}
}

// failing is the month with only so many of its events failed.
func failing(month slo.Tally, bad uint64) slo.Tally {
	total := month.Total()
	bad = min(bad, total)
	month.Counts = slo.Counts{Good: total - bad, Bad: bad}
	month.Measured = month.Expected - month.Excluded // missing minutes have been read already
	return month
}

func plus(a, b slo.Tally) slo.Tally {
	return slo.Tally{
		Counts: a.Add(b.Counts), Measured: a.Measured + b.Measured,
		Expected: a.Expected + b.Expected, Excluded: a.Excluded + b.Excluded,
	}
}

// verdict says of a closed month what an evaluation means.
func verdict(e slo.Evaluation) Verdict {
	switch {
	case e.Status == slo.InsufficientData:
		return NotEnoughData
	case e.Status == slo.NoDataYet:
		return Untested
	case e.Budget.Remaining < 0:
		return Broken
	case e.Budget.Remaining < riskBelow:
		return AtRisk
	}
	return Kept
}

// subject is what a promise is about: a tenant, or the values of its labels.
func subject(i slo.Instance) string {
	if tenant := i.Tenant(); tenant != "" {
		return tenant
	}
	var values []string
	for _, value := range i.Labels() {
		values = append(values, value)
	}
	if len(values) == 0 {
		return "Platform"
	}
	return strings.Join(values, " ")
}

func about(rows []Row, q slo.Question) []Row {
	var all []Row
	for _, r := range rows {
		if r.Question == q {
			all = append(all, r)
		}
	}
	return all
}

// tiers groups rows, which stay in their order: tiers by name, what has no tier last.
func (in Input) tiers(rows []Row) []Tier {
	byName := map[string]*Tier{}
	for _, r := range rows {
		t := byName[r.tier]
		if t == nil {
			t = &Tier{Name: r.tier, Title: "Tier " + r.tier}
			if r.tier == "" {
				t.Title = "Without a tier"
			}
			byName[r.tier] = t
		}
		t.Rows = append(t.Rows, r)
	}
	var tiers []Tier
	for _, t := range byName {
		t.Promises = in.promises(t.Rows)
		tiers = append(tiers, *t)
	}
	slices.SortFunc(tiers, func(a, b Tier) int {
		if a.Name == "" || b.Name == "" {
			return cmp.Compare(b.Name, a.Name)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return tiers
}

// promises counts verdicts by objective, in the order of the questions and then of the objectives.
func (in Input) promises(rows []Row) []Promise {
	var all []Promise
	for _, q := range slo.Questions() {
		for _, o := range in.Objectives {
			p := Promise{Objective: o.Name, Title: cmp.Or(o.Title, o.Name), Question: q, Count: map[Verdict]int{}}
			for _, r := range rows { // worst first
				if r.Objective != o.Name || r.Question != q {
					continue
				}
				if len(p.Count) == 0 {
					p.Verdict, p.Lowest, p.Highest = r.Verdict, r.Target, r.Target
				}
				p.Lowest, p.Highest = min(p.Lowest, r.Target), max(p.Highest, r.Target)
				p.Count[r.Verdict]++
			}
			if len(p.Count) > 0 {
				all = append(all, p)
			}
		}
	}
	return all
}

// worst are the days that used most of a month's budget.
func (in Input) worst(rows []Row) []BadDay {
	all := []BadDay{}
	for _, r := range rows {
		for i, d := range r.days {
			if d.counts.Bad == 0 {
				continue
			}
			day := in.Days[i].From.In(in.Month.zone())
			all = append(all, BadDay{
				Day: day.Format(time.DateOnly), Label: day.Format("Mon 2 Jan"), Instance: r.Instance, Subject: r.Subject,
				Title: r.Title, Good: d.counts.Good, Bad: d.counts.Bad, BudgetUsed: d.used,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b BadDay) int {
		return cmp.Or(cmp.Compare(float64(b.BudgetUsed), float64(a.BudgetUsed)), cmp.Compare(a.Day, b.Day))
	})
	return all[:min(worstDays, len(all))]
}
