package report

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// Verdict is what the month says of a promise, or of a question.
type Verdict string

// The verdicts, worst first.
const (
	// Broken: more failed than the error budget allows.
	Broken Verdict = "broken"
	// AtRisk: kept, with less than a quarter of the error budget left.
	AtRisk Verdict = "at_risk"
	// NotEnoughData: too little of the month was measured to say.
	NotEnoughData Verdict = "not_enough_data"
	// Kept: the promise was kept.
	Kept Verdict = "kept"
	// Untested: nothing happened in the month that could have kept or broken the promise.
	Untested Verdict = "untested"
)

// verdicts are all of them, worst first.
func verdicts() []Verdict { return []Verdict{Broken, AtRisk, NotEnoughData, Kept, Untested} }

// Text is the verdict in words.
func (v Verdict) Text() string {
	switch v {
	case Broken:
		return "Broken"
	case AtRisk:
		return "At risk"
	case NotEnoughData:
		return "Not enough data"
	case Kept:
		return "Kept"
	case Untested:
		return "No events"
	}
	return string(v)
}

// Mark is a sign that tells verdicts apart where colours cannot be seen.
func (v Verdict) Mark() string {
	switch v {
	case Broken:
		return "■"
	case AtRisk:
		return "▲"
	case NotEnoughData:
		return "○"
	case Kept:
		return "●"
	}
	return "–"
}

// Model is the report, ready to be set: sorted, judged and in words.
type Model struct {
	Platform string    `json:"platform"`
	Month    string    `json:"month"` // 2026-09
	Title    string    `json:"title"` // September 2026
	Zone     string    `json:"time_zone"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Issued   time.Time `json:"issued"`
	// Open says that the month was in progress when the report was issued.
	Open    bool     `json:"in_progress"`
	Period  string   `json:"-"` // one line about the time that is reported on
	Scope   string   `json:"-"` // one line about how much is reported on
	Answers []Answer `json:"answers"`
	Tiers   []Tier   `json:"tiers"`
	// WorstDays are the days that cost most of a month's budget, worst first.
	WorstDays []BadDay `json:"worst_days"`
	// Uncounted is what did not count, in the order of time.
	Uncounted []Uncounted `json:"exclusions"`
	// Rest says which rows Tier.Shown leaves out; "" where it holds all.
	Rest string `json:"-"`
	// Method says how to read the numbers.
	Method []string `json:"method"`
}

// Answer answers one of the five questions.
type Answer struct {
	Question slo.Question `json:"question"`
	Text     string       `json:"text"`
	Verdict  Verdict      `json:"verdict"`
	Sentence string       `json:"sentence"`
	Chart    Chart        `json:"-"`
}

// Tier is a service tier, or all that belongs to none, whose Name is empty.
type Tier struct {
	Name     string    `json:"tier"`
	Title    string    `json:"-"`
	Promises []Promise `json:"promises"`
	Rows     []Row     `json:"instances"` // worst first
	// Shown are those of Rows that editions for reading show: the worst of the report.
	Shown []Row `json:"-"`
}

// Promise counts how one objective went in one tier.
type Promise struct {
	Objective string       `json:"objective"`
	Title     string       `json:"title"`
	Question  slo.Question `json:"question"`
	// Lowest and Highest differ where tenants have targets of their own, or had when a period was closed.
	Lowest  slo.Ratio       `json:"target"`
	Highest slo.Ratio       `json:"highest_target"`
	Verdict Verdict         `json:"verdict"` // the worst of its instances
	Count   map[Verdict]int `json:"instances"`
}

// Targets are what was promised, "99.5%" or "99.5% to 99.9%".
func (p Promise) Targets() string {
	if p.Lowest == p.Highest {
		return p.Lowest.String()
	}
	return p.Lowest.String() + " to " + p.Highest.String()
}

// Row is one promise to one tenant, or about one other thing.
type Row struct {
	Instance      slo.Instance `json:"instance"`
	Objective     string       `json:"objective"`
	Title         string       `json:"title"`
	Question      slo.Question `json:"question"`
	Subject       string       `json:"subject"` // the tenant, or the labels of what it is about
	Region        string       `json:"region,omitempty"`
	Verdict       Verdict      `json:"verdict"`
	Target        slo.Ratio    `json:"target"`
	Good          uint64       `json:"good_events"`
	Bad           uint64       `json:"bad_events"`
	AchievedRatio Share        `json:"achieved_ratio"`
	BudgetUsed    Share        `json:"budget_used_ratio"`
	CoverageRatio Share        `json:"coverage_ratio"`
	Measured      int64        `json:"measured_minutes"`
	Expected      int64        `json:"expected_minutes"`
	Excluded      int64        `json:"excluded_minutes"`
	// Exclusions are the IDs of those that touched it.
	Exclusions []string `json:"exclusions,omitempty"`
	// Final says that the month is a closed period of the promise, as it was at ClosedAt: late data, exclusions and
	// targets of later do not change it.
	Final    bool      `json:"final"`
	ClosedAt time.Time `json:"closed_at,omitzero"`

	tier    string
	remains Share // of the month's budget
	life    slo.Span
	closed  *Closed
	days    []dayOf
}

// BadDay is one promise on one day.
type BadDay struct {
	Day        string       `json:"day"` // 2026-09-14
	Label      string       `json:"-"`   // Mon 14
	Instance   slo.Instance `json:"instance"`
	Subject    string       `json:"subject"`
	Title      string       `json:"title"`
	Good       uint64       `json:"good_events"`
	Bad        uint64       `json:"bad_events"`
	BudgetUsed Share        `json:"month_budget_used_ratio"`
}

// dayOf is one day of a row.
type dayOf struct {
	counts   slo.Counts
	measured bool  // or wholly excluded: nothing is missing of it
	left     Share // of the month's budget at the end of the day
	used     Share // of the month's budget on this day alone
}

// Achieved is the good share of all events, cut off rather than rounded, so that a broken promise never looks kept.
func (r Row) Achieved() string { return percentOf(r.Good, r.Bad, r.Target) }

// Budget is the used share of the month's error budget.
func (r Row) Budget() string { return r.BudgetUsed.text() }

// Coverage is the measured share of the month.
func (r Row) Coverage() string { return r.CoverageRatio.whole() }

// Failed is how many events failed of how many on that day.
func (d BadDay) Failed() string { return group(d.Bad) + " of " + group(d.Good+d.Bad) }

// Budget is the share of the month's error budget that the day used.
func (d BadDay) Budget() string { return d.BudgetUsed.text() }
