package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// Uncounted is what one exclusion took out of the month, or would have, had it been announced in time.
type Uncounted struct {
	ID        string            `json:"id"`
	Scope     slo.Scope         `json:"scope"`
	About     string            `json:"-"`    // the scope in words
	When      string            `json:"when"` // in words
	Mode      slo.ExclusionMode `json:"mode"`
	Category  slo.Category      `json:"category"`
	Approver  string            `json:"approver"`
	Reason    string            `json:"reason"`
	Announced time.Time         `json:"announced,omitzero"`
	// Stretches are those of the month that count.
	Stretches []Stretch `json:"stretches"`
	// Instances is how many promises had minutes in them, Minutes how many those are over all of these.
	Instances int   `json:"instances"`
	Minutes   int64 `json:"instance_minutes"`
	// Late is how many more it would have been over all, had all stretches been announced before they began.
	Late int64 `json:"instance_minutes_announced_too_late"`

	begin time.Time // of the first stretch of the month, be it late
}

// Stretch is a stretch of time, To excluded.
type Stretch struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Effect says in words what it changed.
func (u Uncounted) Effect() string {
	minutes := func(n int64) string { return group(uint64(n)) + " " + plural(n, "minute", "minutes") }
	over := minutes(u.Minutes) + " of " + promises(u.Instances)
	text := "Removed " + over
	switch {
	case u.Minutes == 0 && u.Late > 0:
		return "Does not count: it was announced after it began"
	case u.Minutes == 0:
		return "Changed nothing: no promise was concerned"
	case u.Mode == slo.AsGood:
		text = "Counted " + over + " as good"
	}
	if u.Late > 0 {
		text += "; " + minutes(u.Late) + " were announced too late and count as they are"
	}
	return text
}

// Why says in words who decided what for.
func (u Uncounted) Why() string {
	const longest = 300 // letters of a reason in a table
	text := categoryText(u.Category) + ": " + strings.TrimRight(shorten(u.Reason, longest), ".") + ". Approved by " + u.Approver
	if !u.Announced.IsZero() {
		text += ", announced " + u.Announced.Format("2 January 2006 15:04")
	}
	return text + "."
}

func categoryText(c slo.Category) string {
	switch c {
	case slo.Maintenance:
		return "Maintenance"
	case slo.Correction:
		return "Correction"
	case slo.ThirdParty:
		return "Third party"
	case slo.Exercise:
		return "Exercise"
	}
	return string(c)
}

// uncounted are the exclusions that touch the month, in the order of time, and notes in each row which touched it.
func (in Input) uncounted(rows []Row) []Uncounted {
	c := cutter{in: in, spans: map[string][]slo.Span{}, byID: map[string]*Uncounted{}}
	for i := range in.Exclusions {
		c.list(&in.Exclusions[i])
	}
	for i := range rows {
		r := &rows[i]
		for k := range in.Exclusions {
			c.late(&in.Exclusions[k], r)
		}
		applied := in.Exclusions
		if r.closed != nil {
			applied = r.closed.Exclusions
		}
		for k := range applied {
			c.apply(&applied[k], r)
		}
	}
	all := []Uncounted{}
	for _, u := range c.byID {
		all = append(all, *u)
	}
	slices.SortFunc(all, func(a, b Uncounted) int { return cmp.Or(a.begin.Compare(b.begin), cmp.Compare(a.ID, b.ID)) })
	return all
}

// cutter adds up what exclusions take out of rows.
type cutter struct {
	in    Input
	spans map[string][]slo.Span // of the month, by exclusion
	byID  map[string]*Uncounted
}

// stretches are those of the month; all of them where it does not matter when they were announced.
func (c *cutter) stretches(x *slo.Exclusion, all bool) []slo.Span {
	announced := *x
	if all {
		announced.Announced = time.Time{}
	}
	key := fmt.Sprint(x.ID, x.From.Unix(), x.To.Unix(), x.Rule, x.Zone, announced.Announced.Unix(), x.Category)
	spans, known := c.spans[key]
	if !known {
		from, _ := c.in.Month.Bounds()
		spans = announced.Spans(from, c.in.through())
		c.spans[key] = spans
	}
	return spans
}

// list begins the account of an exclusion that has a stretch in the month, nil for others.
func (c *cutter) list(x *slo.Exclusion) *Uncounted {
	all := c.stretches(x, true)
	if len(all) == 0 {
		return nil
	}
	if u := c.byID[x.ID]; u != nil {
		return u
	}
	zone := c.in.Month.zone()
	u := &Uncounted{
		ID: x.ID, Scope: x.Scope, About: c.in.about(x.Scope), When: when(x, len(all), zone), Mode: x.Mode, Category: x.Category,
		Approver: x.Approver, Reason: x.Reason, Stretches: []Stretch{}, begin: all[0].From,
	}
	if !x.Announced.IsZero() {
		u.Announced = x.Announced.In(zone)
	}
	for _, s := range c.stretches(x, false) {
		u.Stretches = append(u.Stretches, Stretch{s.From.In(zone), s.To.In(zone)})
	}
	c.byID[x.ID] = u
	return u
}

// apply counts what an exclusion took out of a row. Those that applied to a closed period need not stand any more.
func (c *cutter) apply(x *slo.Exclusion, r *Row) {
	if !x.Scope.Applies(r.Instance, r.tier) {
		return
	}
	minutes := within(c.stretches(x, false), r.life)
	if minutes == 0 {
		return
	}
	u := c.list(x)
	u.Instances++
	u.Minutes += minutes
	r.Exclusions = append(r.Exclusions, x.ID)
}

// late counts what it would have taken out, too, had it been announced in time.
func (c *cutter) late(x *slo.Exclusion, r *Row) {
	all, counted := c.stretches(x, true), c.stretches(x, false)
	if len(all) == 0 || !x.Category.Planned() || !x.Scope.Applies(r.Instance, r.tier) {
		return
	}
	c.byID[x.ID].Late += within(all, r.life) - within(counted, r.life)
}

// within is how many minutes of the spans lie in a stretch.
func within(spans []slo.Span, life slo.Span) (minutes int64) {
	for _, s := range spans {
		from, to := s.From, s.To
		if from.Before(life.From) {
			from = life.From
		}
		if to.After(life.To) {
			to = life.To
		}
		minutes += max(0, int64(to.Sub(from)/time.Minute))
	}
	return minutes
}
