package changes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/wardround/wardround/collectors"
)

// application is how an application of Argo CD or an object of Flux is.
type application struct {
	kind, namespace, name string
	facts                 map[string]string
	system                string
	sync, health          string // as Argo CD calls them
	automated             bool
	revision              string // Flux alone tells
	failedSyncs           float64
	synchronizes          bool // failedSyncs is told
}

// The words that may be shown.
var (
	syncStates   = []string{"OutOfSync", "Synced", "Unknown"}
	healthStates = []string{"Degraded", "Healthy", "Missing", "Progressing", "Suspended", "Unknown"}
)

const driftingState = "OutOfSync"

func word(s string, allowed []string) string {
	if slices.Contains(allowed, s) {
		return s
	}
	return "Unknown"
}

// read finds the applications on a page, sorted.
func read(families map[string]*dto.MetricFamily) []*application {
	byKey := map[string]*application{}
	add := func(a *application) {
		if technical(a.name) != "" && (a.namespace == "" || technical(a.namespace) != "") {
			byKey[a.key()] = a
		}
	}
	for _, m := range families[argoInfo].GetMetric() {
		add(readArgo(labels(m)))
	}
	for _, m := range families[argoSyncs].GetMetric() {
		l := labels(m)
		a := byKey[(&application{kind: argoKind, namespace: l["namespace"], name: l["name"]}).key()]
		if a == nil {
			continue
		}
		a.synchronizes = true
		if (l["phase"] == "Failed" || l["phase"] == "Error") && l["dry_run"] != "true" {
			a.failedSyncs += m.GetCounter().GetValue()
		}
	}
	for _, m := range families[fluxInfo].GetMetric() {
		if l := labels(m); slices.Contains(deployers, l["customresource_kind"]) {
			add(readFlux(l))
		}
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b *application) int { return strings.Compare(a.key(), b.key()) })
}

const argoKind = "Application"

func labels(m *dto.Metric) map[string]string {
	all := make(map[string]string, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		all[l.GetName()] = l.GetValue()
	}
	return all
}

func readArgo(l map[string]string) *application {
	return &application{
		kind: argoKind, namespace: l["namespace"], name: l["name"], system: "argo-cd",
		sync: word(l["sync_status"], syncStates), health: word(l["health_status"], healthStates), automated: l["autosync_enabled"] != "false",
		facts: map[string]string{"application": l["name"], "namespace": l["dest_namespace"], "project": l["project"], "kind": argoKind},
	}
}

// readFlux says in Argo CD's words how an object of Flux is: one that is not ready is not as asked
// for.
func readFlux(l map[string]string) *application {
	a := &application{
		kind: l["customresource_kind"], namespace: cmp.Or(l["exported_namespace"], l["namespace"]), name: l["name"], system: "flux",
		automated: l["suspended"] != "true", revision: revision(cmp.Or(l["revision"], l["chart_version"])),
	}
	a.facts = map[string]string{"application": a.name, "namespace": a.namespace, "kind": a.kind}
	switch l["ready"] {
	case "True":
		a.sync, a.health = "Synced", "Healthy"
	case "False":
		a.sync, a.health = driftingState, "Degraded"
	default:
		a.sync, a.health = "Unknown", "Progressing"
	}
	return a
}

func (a *application) key() string { return strings.Join([]string{a.kind, a.namespace, a.name}, "|") }

// applications compares applications with what was known before, records revisions that changed,
// and says how they are.
func (s *Changes) applications(b *collectors.Builder, p *page, all []*application) error {
	drift := map[string]time.Time{} // by tenant
	there := map[string]bool{}
	for _, a := range all {
		key := "application|" + p.Name + "|" + a.key()
		there[key] = true
		concerned, mapped := scope(p.rules, a.facts, s.tenants.Current())
		since, err := s.follow(key, a, concerned, mapped, b.At())
		if err != nil {
			return err
		}
		tenant := ""
		if len(concerned.Tenants) == 1 {
			tenant = concerned.Tenants[0]
		}
		a.emit(b, tenant, since)
		s.findApplication(b, tenant, a, since)
		for _, name := range concerned.Tenants {
			if at, known := drift[name]; !known || at.IsZero() || !since.IsZero() && since.Before(at) {
				drift[name] = since
			}
		}
	}
	for tenant, since := range drift {
		value := 0.0
		if !since.IsZero() {
			value = seconds(since)
		}
		b.SetFor(tenant, metricDrift, value)
	}
	return s.forget("application|"+p.Name+"|", there, p.absent, b.At())
}

// follow remembers how an application is and since when it drifts, over restarts; the zero time is
// no drift. A state that is not known ends no drift. A revision that changed is on record where it
// is known whom it concerns.
func (s *Changes) follow(key string, a *application, concerned Scope, mapped bool, now time.Time) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, learned := s.journal.known[key]
	since, _ := strconv.ParseInt(before["drift"], 10, 64)
	switch {
	case a.sync == driftingState && since == 0:
		since = now.Unix()
	case a.sync == "Synced":
		since = 0
	}
	after := items{"sync": a.sync, "drift": strconv.FormatInt(since, 10), "revision": cmp.Or(a.revision, before["revision"])}
	var drifting time.Time
	if since > 0 {
		drifting = time.Unix(since, 0)
	}
	if learned && maps.Equal(before, after) {
		return drifting, nil
	}
	l := line{Known: &known{key, after}}
	if !mapped || before["revision"] == "" || before["revision"] == after["revision"] {
		return drifting, s.journal.add(l)
	}
	l.Change = &Change{
		Key:    digest(key, after["revision"], now.UTC().Format(time.RFC3339Nano)),
		Sender: ourselves, System: a.system, Kind: "deployment", Subject: a.name, Items: 1, Stream: digest(key), Scope: concerned,
		From: before["revision"], Revision: after["revision"], Started: now, Finished: now, Outcome: Observed,
	}
	_, _, err := s.recordLocked(l)
	return drifting, err
}

// forgetAfter is how long an application may be gone from its page before it is forgotten.
const forgetAfter = 24 * time.Hour

func (s *Changes) forget(prefix string, there map[string]bool, absent map[string]time.Time, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.journal.known {
		switch since, gone := absent[key]; {
		case !strings.HasPrefix(key, prefix):
		case there[key]:
			delete(absent, key)
		case !gone:
			absent[key] = now
		case now.Sub(since) > forgetAfter:
			delete(absent, key)
			if err := s.journal.add(line{Known: &known{Key: key}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *application) emit(b *collectors.Builder, tenant string, since time.Time) {
	set := func(m *collectors.Metric, value float64) { b.SetFor(tenant, m, value, a.kind, a.namespace, a.name) }
	b.SetFor(tenant, metricApplication, 1, a.kind, a.namespace, a.name, a.sync, a.health, a.revision)
	set(metricSynced, truth(a.sync == "Synced"))
	set(metricHealthy, truth(a.health == "Healthy"))
	set(metricAutomated, truth(a.automated))
	if !since.IsZero() {
		set(metricDrifting, seconds(since))
	}
	if a.synchronizes {
		set(metricFailedSyncs, a.failedSyncs)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (s *Changes) findApplication(b *collectors.Builder, tenant string, a *application, since time.Time) {
	found := func(name string, severity collectors.Severity, format string, args ...any) {
		text := fmt.Sprintf("%s %s in %s ", a.kind, a.name, a.namespace) + fmt.Sprintf(format, args...)
		b.Find(collectors.Finding{Tenant: tenant, Name: name, Question: collectors.Controlled, Severity: severity, Text: text})
	}
	if drifts := b.At().Sub(since); !since.IsZero() && drifts >= time.Duration(s.setup.Load().DriftAfter) {
		found("change_drift", collectors.Warning, "has differed from what was asked for, for %s", ago(drifts))
	}
	if !a.automated {
		found("change_not_automated", collectors.Info, "is not synchronized by itself: somebody switched it off")
	}
}
