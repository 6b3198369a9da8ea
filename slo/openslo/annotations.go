package openslo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wardround/wardround/slo"
)

// prefix is what all annotations of ours begin with.
const prefix = "wardround.io/"

// Annotations are the annotations that say what OpenSLO cannot, by name without
// the prefix wardround.io/, with what they mean. They stand in the metadata of
// an SLO; those of alerts in that of an AlertPolicy.
func Annotations() map[string]string {
	return map[string]string{
		"name":               "the objective's name, where it is longer than OpenSLO allows",
		"question":           "which of the five questions it answers: healthy, protected, controlled, contained or recoverable",
		"title":              "the title, where it is not the displayName",
		"description":        "the description, where it is longer than OpenSLO allows",
		"owner":              "who owns it, where that is not the service",
		"by":                 "the labels that make an instance, with commas; empty for one instance of all",
		"target":             "the target of a composite whose objectives have different ones",
		"targets":            `targets by tier as JSON: {"dedicated":"99.9%"}`,
		"tenant-targets":     `targets by tenant as JSON: {"north":"99.95%"}`,
		"no-data":            "what a missing minute means: ignore, good, bad or carry",
		"min-coverage":       "the share of a window that must have been measured, such as 50%",
		"min-bad":            "how many bad events the long window must hold",
		"budget-spent":       "whether the share of the budget must really have been spent: true or false",
		"runbook":            "the address of the runbook",
		"dashboard":          "the address of the dashboard",
		"policy":             "of an SLO without alertPolicies: the alert policy's name; of an AlertPolicy: the policy that it is a pair of",
		"policy-description": "of an AlertPolicy: the description of that policy",
		"share":              "of an AlertPolicy: the exact share of the budget that its burn rate stands for",
		"short":              "of an AlertPolicy: the pair's short window",
		"op":                 "a comparison that OpenSLO lacks: == or !=",
		"zero":               "what a value of 0 means instead of comparing it: good or bad",
		"indicator":          "histogram or probe, where the indicator is one",
		"metric":             "of a histogram: its own selector",
		"duration":           "of a probe: the selector of its duration",
		"within":             "of a histogram or a probe's duration: the bound",
		"composite":          "how members become one: mean or worst",
		"members":            `the members' names as JSON, where they are promises of their own: ["login","mail"]`,
		"delayed":            "what a member without data means: ignore, good or bad",
	}
}

// annotations are those of ours, by name without the prefix.
type annotations struct {
	value
	keys map[string]value
}

func readAnnotations(v value) annotations {
	a := annotations{v, map[string]value{}}
	known := Annotations()
	for key, text := range v.entries() {
		name, ok := strings.CutPrefix(key, prefix)
		if _, is := known[name]; ok && !is {
			text.failf("there is no such annotation; those of %s are %s", prefix, strings.Join(sortedKeys(known), ", "))
			continue
		}
		if ok {
			a.keys[name] = text
		}
	}
	return a
}

// get is the text of an annotation, "" if it is absent.
func (a annotations) get(name string) string {
	if v, ok := a.keys[name]; ok {
		return v.optional()
	}
	return ""
}

// set reads an annotation with parse where it is there and not empty.
func set[T any](a annotations, name string, into *T, parse func(string) (T, error)) {
	text := a.get(name)
	if text == "" {
		return
	}
	value, err := parse(text)
	if err != nil {
		a.keys[name].failf("%v", err)
		return
	}
	*into = value
}

// choose reads an annotation that is one of a few words.
func choose[T ~string](a annotations, name string, into *T, words ...string) {
	if v, ok := a.keys[name]; ok {
		if word := v.word(words...); word != "" {
			*into = T(word)
		}
	}
}

func plain(s string) (string, error) { return s, nil }

// promise reads what concerns all objectives of an SLO.
func (a annotations) promise(o *slo.Objective) {
	var questions []string
	for _, q := range slo.Questions() {
		questions = append(questions, string(q))
	}
	choose(a, "question", &o.Question, questions...)
	choose(a, "no-data", &o.NoData, "ignore", "good", "bad", "carry")
	set(a, "title", &o.Title, plain)
	set(a, "description", &o.Description, plain)
	set(a, "runbook", &o.Links.Runbook, plain)
	set(a, "dashboard", &o.Links.Dashboard, plain)
	set(a, "min-coverage", &o.MinCoverage, slo.ParseRatio)
	set(a, "min-bad", &o.LowTraffic.MinBad, count)
	if v, ok := a.keys["budget-spent"]; ok {
		o.LowTraffic.BudgetSpent, _ = v.flag()
	}
	set(a, "targets", &o.Targets.ByTier, tiers)
	set(a, "tenant-targets", &o.Targets.ByTenant, tenants)
	if v, ok := a.keys["by"]; ok {
		o.By = []string{}
		for _, label := range strings.Split(v.optional(), ",") {
			if label = strings.TrimSpace(label); label != "" {
				o.By = append(o.By, label)
			}
		}
	}
}

func count(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a count; write a whole number from 0", text)
	}
	return n, nil
}

// unused refuses annotations that speak of something else than what is there.
func (a annotations) unused(what string, names ...string) {
	for _, name := range names {
		if v, ok := a.keys[name]; ok {
			v.failf("only %s has this; leave it out", what)
		}
	}
}

// tiers reads targets by tier.
func tiers(text string) (map[string]slo.Ratio, error) {
	return targets(text, "tier", `{"dedicated":"99.9%"}`, func(tier string) error {
		switch tier {
		case "default":
			return errors.New("the default is the objective's own target; leave it out")
		case "tenants":
			return fmt.Errorf("no tier can be called so; tenants have the annotation %stenant-targets", prefix)
		}
		return nil
	})
}

// tenants reads targets by tenant.
func tenants(text string) (map[string]slo.Ratio, error) {
	return targets(text, "tenant", `{"north":"99.95%"}`, func(string) error { return nil })
}

// targets reads targets by name, nil if there are none.
func targets(text, what, example string, check func(name string) error) (map[string]slo.Ratio, error) {
	var texts map[string]string
	if err := json.Unmarshal([]byte(text), &texts); err != nil || texts == nil {
		return nil, fmt.Errorf(`%q is no JSON of targets by %s; write %s`, text, what, example)
	}
	var all map[string]slo.Ratio
	for _, name := range sortedKeys(texts) {
		target, err := slo.ParseTarget(texts[name])
		if name == "" {
			err = errors.New("its name is missing")
		}
		if err = cmp.Or(err, check(name)); err != nil {
			return nil, fmt.Errorf("%s %q: %w", what, name, err)
		}
		if all == nil {
			all = map[string]slo.Ratio{}
		}
		all[name] = target
	}
	return all, nil
}
