package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/alert"
)

// words are the functions with which templates put values into words.
var words = template.FuncMap{
	"percent": percent, "ago": ago, "span": span, "clock": clock, "at": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"verdict": judgeEvaluation, "severity": judgeFinding, "status": func(s slo.Status) string { return strings.ReplaceAll(string(s), "_", " ") },
	"budget": budget, "names": names,
	"rate": rate, "size": size, "suspect": func(a alert.Alert) string { return a.Annotations[alert.SuspectAnnotation] },
}

// TenantContent is a tenant's own page.
type TenantContent struct {
	State
	Row
	Promises []slo.Evaluation // worst first
	Recovery *Recovery        // nil where nothing is kept of backups
	Visits   []collectors.Status
	Changes  []changes.Change // of the last week, newest first; the first mostChanges of them
}

// mostChanges is how many changes a tenant's page shows.
const mostChanges = 20

func (s *server) tenantPage(r *http.Request, st State) (any, int) {
	name := r.PathValue("tenant")
	i := slices.IndexFunc(st.Tenants, func(t collectors.Tenant) bool { return t.Name == name })
	if i < 0 {
		return nil, http.StatusNotFound
	}
	c := TenantContent{State: st, Row: newJudge(st).tenant(st.Tenants[i])}
	for _, e := range st.Evaluations {
		if e.Instance.Tenant() == name {
			c.Promises = append(c.Promises, e)
		}
	}
	slices.SortStableFunc(c.Promises, func(a, b slo.Evaluation) int { return int(judgeEvaluation(b)) - int(judgeEvaluation(a)) })
	for _, v := range st.Visits {
		if v.Key.Tenant == name {
			c.Visits = append(c.Visits, v)
		}
	}
	if s.Record != nil {
		found := s.Record.Changes(name, st.At, lately)
		c.Changes = found[:min(mostChanges, len(found))]
		c.Recovery = newRecovery(s.Record.Standing(st.Tenants[i], st.At), st.At)
	}
	return c, http.StatusOK
}

// Title is an objective's title, or its name where it has none.
func (s State) Title(objective string) string {
	for i := range s.Objectives {
		if s.Objectives[i].Name == objective && s.Objectives[i].Title != "" {
			return s.Objectives[i].Title
		}
	}
	return objective
}

// Promise is an objective with all its instances, worst first.
type Promise struct {
	slo.Objective
	Instances []slo.Evaluation
}

// Worst is the gravest verdict of the instances.
func (p Promise) Worst() Verdict {
	worst := NotMeasured
	for _, e := range p.Instances {
		worst = max(worst, judgeEvaluation(e))
	}
	return worst
}

// ObjectivesContent is the page of all promises.
type ObjectivesContent struct {
	State
	Promises []Promise
}

func objectivesPage(_ *http.Request, s State) (any, int) {
	return ObjectivesContent{State: s, Promises: promises(s)}, http.StatusOK
}

func promises(s State) []Promise {
	byName := map[string][]slo.Evaluation{}
	for _, e := range s.Evaluations {
		byName[e.Instance.Objective] = append(byName[e.Instance.Objective], e)
	}
	all := make([]Promise, len(s.Objectives))
	for i, o := range s.Objectives {
		instances := byName[o.Name]
		slices.SortStableFunc(instances, func(a, b slo.Evaluation) int { return int(judgeEvaluation(b)) - int(judgeEvaluation(a)) })
		all[i] = Promise{o, instances}
	}
	return all
}

func roundsPage(_ *http.Request, s State) (any, int) { return s, http.StatusOK }

// RoundContent is the log of the visits to one key.
type RoundContent struct {
	State
	Visit collectors.Status
}

func roundPage(r *http.Request, s State) (any, int) {
	key, ok := collectors.ParseKey(r.PathValue("key"))
	if !ok {
		return nil, http.StatusNotFound
	}
	for _, v := range s.Visits {
		if v.Key == key {
			return RoundContent{s, v}, http.StatusOK
		}
	}
	return nil, http.StatusNotFound
}

func percent(f float64) string {
	switch {
	case math.IsNaN(f):
		return "–"
	case f == math.Trunc(f*100)/100:
		return fmt.Sprintf("%.0f %%", f*100)
	case math.Abs(f) >= 0.9995 && math.Abs(f) < 1:
		return fmt.Sprintf("%.3f %%", math.Floor(f*100000)/1000)
	}
	return fmt.Sprintf("%.1f %%", f*100)
}

// budget says how much is left of an error budget, or how often over it was spent.
func budget(remaining float64) string {
	switch spent := 1 - remaining; {
	case math.IsNaN(remaining):
		return "–"
	case remaining >= 0:
		return percent(remaining)
	case spent < 10:
		return fmt.Sprintf("none, spent %.1f×", spent)
	default:
		return fmt.Sprintf("none, spent %.0f×", spent)
	}
}

// names lists what a scope names; naming none means all.
func names(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, ", ")
}

func rate(f float64) string {
	if math.IsNaN(f) {
		return "–"
	}
	return fmt.Sprintf("%.1f×", f)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return span(now.Sub(t)) + " ago"
}

// span is a duration in the unit that a person would choose.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f d", d.Hours()/24)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
