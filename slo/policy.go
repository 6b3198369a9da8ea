package slo

import (
	"fmt"
	"slices"
	"time"
)

// Severity says what an alert asks of people.
type Severity string

// The severities, most urgent first.
const (
	// Page is incident-level risk: somebody acts now.
	Page Severity = "page"
	// Ticket is actionable degradation: somebody acts this week.
	Ticket Severity = "ticket"
	// Info is drift worth knowing of.
	Info Severity = "info"
)

// Severities are all of them, most urgent first.
func Severities() []Severity { return []Severity{Page, Ticket, Info} }

// Policy says when burning an error budget becomes an alert. Policies are data:
// the embedded ones can be replaced by files of the same names.
type Policy struct {
	Name        string
	Description string
	// Pairs are in the order of urgency: faster tiers of an objective inhibit
	// slower ones.
	Pairs []Pair
	// Position is where the policy was read from.
	Position Position
}

// Pair is one tier of a policy: an alert when a share of the budget burns
// within the long window and the short one says that it still does.
type Pair struct {
	Severity    Severity
	Share       Ratio
	Long, Short time.Duration
}

// Name is a stable word for the pair within its policy, "page-1h".
func (p Pair) Name() string { return string(p.Severity) + "-" + FormatDuration(p.Long) }

// Limit is the burn rate that a pair tolerates, as an exact fraction.
type Limit struct {
	num, den uint64
}

// Limit is b = share × period / long. It is never below 1, because burning
// slower than the budget allows breaks no promise.
func (p Pair) Limit(period time.Duration) Limit {
	num := uint64(p.Share) * uint64(period/time.Second)
	den := uint64(One) * uint64(p.Long/time.Second)
	if num <= den {
		return Limit{1, 1}
	}
	d := gcd(num, den)
	return Limit{num / d, den / d}
}

// Float is the limit for showing, 14.4.
func (l Limit) Float() float64 { return float64(l.num) / float64(l.den) }

// Exceeded says whether counts burn a target's budget strictly faster than the
// limit. It is exact, and false without events.
func (l Limit) Exceeded(c Counts, target Ratio) bool {
	if c.Bad == 0 {
		return false // so it is nearly always
	}
	// bad/total / budget > num/den, multiplied out.
	budget := uint64(target.Budget())
	spent, fits := narrow(c.Bad, uint64(One), l.den)
	allowed, too := narrow(c.Total(), budget, l.num)
	if fits && too { // nearly always
		return spent > allowed
	}
	return product(c.Bad, uint64(One), l.den).compare(product(c.Total(), budget, l.num)) > 0
}

// Reachable says whether a total outage exceeds the limit: a target of 90 %
// can burn at most tenfold.
func (l Limit) Reachable(target Ratio) bool { return l.Exceeded(Counts{Bad: 1}, target) }

// Windows are all windows of the policy, shortest first, each once.
func (p Policy) Windows() []time.Duration {
	var all []time.Duration
	for _, pair := range p.Pairs {
		all = append(all, pair.Long, pair.Short)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Check says what keeps the policy from working for a target over a period: a
// pair that not even a total outage would reach.
func (p Policy) Check(target Ratio, period time.Duration) error {
	for _, pair := range p.Pairs {
		if limit := pair.Limit(period); !limit.Reachable(target) {
			return fmt.Errorf("policy %q: %s needs a burn rate above %g, but with a target of %s even a total outage burns only %.4g; choose another policy or a higher target",
				p.Name, pair.Name(), limit.Float(), target, 1/target.Budget().Float())
		}
	}
	return nil
}
