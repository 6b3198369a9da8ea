package report

import (
	"fmt"
	"slices"
)

// What editions for reading show is for people who sign; all of it is in the CSV and JSON editions.
const (
	mostSubjects = 25
	mostRows     = 100
)

// show fills Shown of the tiers with the worst rows, and says in words what they leave out. rows are those of all tiers,
// worst first.
func show(tiers []Tier, rows []Row) (rest string) {
	worst := map[string]bool{}
	others := map[string]bool{} // whether all their promises were kept
	var shown, cut, broken int
	for _, r := range rows {
		if len(worst) < mostSubjects && !worst[r.Subject] {
			worst[r.Subject] = true
		}
		switch {
		case !worst[r.Subject]:
			kept, known := others[r.Subject]
			others[r.Subject] = (kept || !known) && r.Verdict.fine()
		case shown < mostRows:
			shown++
			t := &tiers[slices.IndexFunc(tiers, func(t Tier) bool { return t.Name == r.tier })]
			t.Shown = append(t.Shown, r)
		case r.Verdict.fine():
			cut++
		default:
			cut++
			broken++
		}
	}
	return restLine(len(worst), others, cut, broken)
}

// fine says that nobody needs to look.
func (v Verdict) fine() bool { return v == Kept || v == Untested }

func restLine(shown int, others map[string]bool, cut, broken int) string {
	if len(others)+cut == 0 {
		return ""
	}
	text := fmt.Sprintf("These are the %d tenants and parts whose promises did worst.", shown)
	if cut > 0 {
		text = fmt.Sprintf("These are the worst %d promises, to the %d tenants and parts that did worst; ", mostRows, shown)
		if broken == 0 {
			text += fmt.Sprintf("%d more to them were kept.", cut)
		} else {
			text += fmt.Sprintf("%d more to them are left out, of which %d %s not simply kept.", cut, broken, were(broken))
		}
	}
	var unkept int
	for _, kept := range others {
		if !kept {
			unkept++
		}
	}
	switch n := len(others); {
	case n > 0 && unkept == 0:
		text += fmt.Sprintf(" All promises to the %d others were kept.", n)
	case n > 0:
		text += fmt.Sprintf(" Of %d others, %d had promises that were not simply kept.", n, unkept)
	}
	return text + " The CSV and JSON editions of this report list them all."
}
