package alert

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/wardround/wardround/slo"
)

// SilenceAhead is how long before it begins an exclusion is told to Alertmanager.
const SilenceAhead = time.Hour

// Silence is what Alertmanager shall not tell of for a time. All matchers must fit an alert.
type Silence struct {
	ID        string // whose silence it is: the exclusion's; there is at most one of each at a time
	Matchers  []Matcher
	From, To  time.Time
	CreatedBy string // who approved it
	Comment   string // why
}

// Matcher asks for a label's value. Where Regex is set, Value is an expression that must fit all of it.
type Matcher struct {
	Name, Value string
	Regex       bool
}

// SilenceOf is the silence of an exclusion at present: of the stretch that is in force, or of the next one if that
// begins within SilenceAhead. labels are those that the engine adds to every alert; the silence asks for them too, so
// that it ends where the platform does. Tenants' alerts that were folded are one of the cluster, which only an
// exclusion without tenants and tiers silences.
func SilenceOf(x *slo.Exclusion, labels map[string]string, now time.Time) (Silence, bool) {
	length := x.To.Sub(x.From)
	for _, span := range x.Spans(now.Add(-length), now.Add(SilenceAhead+length)) {
		if span.To.After(now) && !span.From.After(now.Add(SilenceAhead)) {
			return Silence{
				ID: x.ID, Matchers: matchersOf(x.Scope, labels), From: span.From, To: span.To,
				CreatedBy: x.Approver, Comment: strings.Trim(string(x.Category)+": "+x.Reason, ": "),
			}, true
		}
	}
	return Silence{}, false
}

// matchersOf chooses the alerts of a scope; the Watchdog, which has no objective, is never among them.
func matchersOf(scope slo.Scope, labels map[string]string) []Matcher {
	var all []Matcher
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, Matcher{Name: name, Value: labels[name]})
	}
	objectives := oneOf(ObjectiveLabel, scope.Objectives)
	if len(objectives) == 0 {
		objectives = []Matcher{{ObjectiveLabel, ".+", true}}
	}
	return slices.Concat(all, objectives, oneOf(TenantLabel, scope.Tenants), oneOf(TierLabel, scope.Tiers))
}

// oneOf asks for any of the values; for nothing where there are none.
func oneOf(label string, values []string) []Matcher {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return []Matcher{{Name: label, Value: values[0]}}
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	slices.Sort(quoted)
	return []Matcher{{label, strings.Join(slices.Compact(quoted), "|"), true}}
}

// posted are the matchers as Alertmanager's API has them.
func posted(matchers []Matcher) models.Matchers {
	all := make(models.Matchers, len(matchers))
	for i, m := range matchers {
		equal := true
		all[i] = &models.Matcher{Name: &m.Name, Value: &m.Value, IsRegex: &m.Regex, IsEqual: &equal}
	}
	return all
}

// sameMatchers compares them in any order.
func sameMatchers(a, b models.Matchers) bool {
	plain := func(all models.Matchers) []string {
		var texts []string
		for _, m := range all {
			kind := "="
			if *m.IsRegex {
				kind = "=~"
			}
			if m.IsEqual != nil && !*m.IsEqual {
				kind = "!" + kind
			}
			texts = append(texts, *m.Name+kind+*m.Value)
		}
		slices.Sort(texts)
		return texts
	}
	return slices.Equal(plain(a), plain(b))
}

// mark ends the comment of our silences: by it they are found again, whoever restarts. Other daemons that tell the same
// Alertmanager have another owner.
func mark(owner, id string) string { return markOf(owner) + id + "]" }

func markOf(owner string) string { return "[wardround " + owner + "/" }

// markedBy is the ID in the mark of a silence of this owner.
func markedBy(owner, comment string) (id string, ours bool) {
	at := strings.LastIndex(comment, markOf(owner))
	if at < 0 || !strings.HasSuffix(comment, "]") {
		return "", false
	}
	return comment[at+len(markOf(owner)) : len(comment)-1], true
}

func commentOf(owner string, s Silence) string {
	return strings.TrimSpace(s.Comment + " " + mark(owner, s.ID))
}

func creatorOf(s Silence) string { return cmp.Or(s.CreatedBy, DefaultSilenceOwner) }
