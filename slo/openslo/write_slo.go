package openslo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

type writtenSLO struct {
	Description   string `yaml:",omitempty"`
	Service       string
	IndicatorRef  string             `yaml:"indicatorRef,omitempty"`
	TimeWindow    []writtenWindow    `yaml:"timeWindow"`
	Method        string             `yaml:"budgetingMethod"`
	Objectives    []writtenObjective `yaml:"objectives"`
	AlertPolicies []writtenReference `yaml:"alertPolicies,omitempty"`
}

type writtenReference struct {
	AlertPolicy string `yaml:"alertPolicyRef"`
}

type writtenWindow struct {
	Duration  string
	IsRolling bool             `yaml:"isRolling"`
	Calendar  *writtenCalendar `yaml:",omitempty"`
}

type writtenCalendar struct {
	StartTime string `yaml:"startTime"`
	TimeZone  string `yaml:"timeZone"`
}

type writtenObjective struct {
	DisplayName     string     `yaml:"displayName,omitempty"`
	Op              string     `yaml:",omitempty"`
	Value           *yaml.Node `yaml:",omitempty"`
	Target          *yaml.Node
	TimeSliceTarget *yaml.Node `yaml:"timeSliceTarget,omitempty"`
	TimeSliceWindow string     `yaml:"timeSliceWindow,omitempty"`
	IndicatorRef    string     `yaml:"indicatorRef,omitempty"`
	CompositeWeight uint64     `yaml:"compositeWeight,omitempty"`
}

const (
	maxDisplayName = 63
	maxDescription = 1050
)

// slo is what an objective promises.
func (w *writer) slo(o *slo.Objective, meta *writtenMeta) (writtenSLO, error) {
	window, err := writeWindow(o.Window)
	if err != nil {
		return writtenSLO{}, err
	}
	meta.DisplayName = shorten(meta, "title", o.Title, maxDisplayName)
	s := writtenSLO{
		Description: shorten(meta, "description", o.Description, maxDescription),
		TimeWindow:  []writtenWindow{window}, Method: "Occurrences",
	}
	if s.Service, err = w.service(o.Owner, meta); err != nil {
		return s, err
	}
	if o.Indicator.Composite != nil {
		s.Objectives, err = w.members(o, meta)
	} else {
		s.IndicatorRef = meta.Name
		s.Objectives = []writtenObjective{judged(o.Indicator, o.Targets.Default)}
	}
	if err != nil {
		return s, err
	}
	if t := o.Indicator.Threshold; t != nil && t.Slice > 0 {
		s.Method = "Timeslices"
		s.Objectives[0].TimeSliceTarget = plainNumber("1")
		s.Objectives[0].TimeSliceWindow = shorthandOf(t.Slice)
	}
	annotate(o, meta)
	s.AlertPolicies, err = w.policy(o, meta)
	return s, err
}

// annotate says what an SLO has no word for, where it is not the default.
func annotate(o *slo.Objective, meta *writtenMeta) {
	meta.annotate("question", string(o.Question))
	meta.annotate("by", strings.Join(o.By, ","))
	if o.NoData != slo.NoDataIgnore {
		meta.annotate("no-data", string(o.NoData))
	}
	if o.MinCoverage != slo.One/2 {
		meta.annotate("min-coverage", o.MinCoverage.String())
	}
	if o.LowTraffic.MinBad != 2 {
		meta.annotate("min-bad", strconv.FormatUint(o.LowTraffic.MinBad, 10))
	}
	if !o.LowTraffic.BudgetSpent {
		meta.annotate("budget-spent", "false")
	}
	if o.Links.Runbook != "" {
		meta.annotate("runbook", o.Links.Runbook)
	}
	if o.Links.Dashboard != "" {
		meta.annotate("dashboard", o.Links.Dashboard)
	}
	if len(o.Targets.ByTier) > 0 {
		meta.annotate("targets", asJSON(o.Targets.ByTier))
	}
	if len(o.Targets.ByTenant) > 0 {
		meta.annotate("tenant-targets", asJSON(o.Targets.ByTenant))
	}
}

// asJSON writes values that JSON can always hold.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// service adds who owns an objective, and answers its name.
func (w *writer) service(owner string, meta *writtenMeta) (string, error) {
	service := dnsName(kebab(owner))
	if service == "" {
		service = "wardround"
	}
	if service != owner {
		meta.annotate("owner", owner)
	}
	return service, w.share("Service", writtenMeta{Name: service}, writtenDescription{})
}

// judged is how an indicator is compared, and the target.
func judged(in slo.Indicator, target slo.Ratio) writtenObjective {
	made := writtenObjective{Target: plainNumber(exact(target))}
	switch {
	case in.Threshold != nil:
		ops := map[slo.Op]string{slo.LessOrEqual: "lte", slo.Less: "lt", slo.GreaterOrEqual: "gte", slo.Greater: "gt"}
		made.Op, made.Value = ops[in.Threshold.Op], plainNumber(floatText(in.Threshold.Value))
	case in.Probe != nil:
		made.Op, made.Value = "gte", plainNumber("1")
	}
	return made
}

// exact is a share as a decimal below 1.
func exact(r slo.Ratio) string {
	return strings.TrimRight(fmt.Sprintf("0.%09d", int64(r)), "0")
}

// members are a composite's objectives.
func (w *writer) members(o *slo.Objective, meta *writtenMeta) ([]writtenObjective, error) {
	c := o.Indicator.Composite
	meta.annotate("composite", string(c.Method))
	meta.annotate("delayed", string(c.Delayed))
	var all []writtenObjective
	var named []string
	for _, m := range c.Of {
		member := w.objectives[m.Objective]
		if member == nil || member.Indicator.Composite != nil {
			return nil, fmt.Errorf("its member %q is not among the objectives; write it along", m.Objective)
		}
		made := judged(member.Indicator, o.Targets.Default)
		made.DisplayName = member.Name
		made.IndicatorRef = dnsName(member.Name)
		made.CompositeWeight = m.Weight
		all, named = append(all, made), append(named, m.Objective)
	}
	meta.annotate("members", asJSON(named))
	return all, nil
}

func writeWindow(window slo.Window) (writtenWindow, error) {
	if window.Calendar == "" {
		if window.Rolling%time.Minute != 0 {
			return writtenWindow{}, fmt.Errorf("a window of %s is no whole minutes", slo.FormatDuration(window.Rolling))
		}
		return writtenWindow{Duration: shorthandOf(window.Rolling), IsRolling: true}, nil
	}
	if window.Rolling != 0 {
		return writtenWindow{}, errors.New("a window either rolls or follows the calendar")
	}
	// 2024 began on a Monday, so weeks, months, quarters and years begin there.
	start := time.Date(2024, time.January, max(window.Anchor, 1), 0, 0, 0, 0, time.UTC)
	zone := "UTC"
	if window.Zone != nil {
		zone = window.Zone.String()
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return writtenWindow{}, fmt.Errorf("write the zone %q: %w", zone, err)
	}
	length := map[slo.Calendar]string{slo.Week: "1w", slo.Month: "1M", slo.Quarter: "1Q", slo.Year: "1Y"}
	return writtenWindow{
		Duration: length[window.Calendar],
		Calendar: &writtenCalendar{start.Format(startForm), zone},
	}, nil
}

// shorthandOf writes whole minutes in the largest unit that holds them.
func shorthandOf(d time.Duration) string {
	for _, letter := range []byte("dh") {
		if d >= unit(letter) && d%unit(letter) == 0 {
			return fmt.Sprintf("%d%c", d/unit(letter), letter)
		}
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

type writtenAlertPolicy struct {
	Description string `yaml:",omitempty"`
	NoData      bool   `yaml:"alertWhenNoData"`
	Resolved    bool   `yaml:"alertWhenResolved"`
	Breaching   bool   `yaml:"alertWhenBreaching"`
	Conditions  []any
	Targets     []any `yaml:"notificationTargets"`
}

type writtenCondition struct {
	Description string `yaml:",omitempty"`
	Severity    slo.Severity
	Condition   struct {
		Kind      string
		Op        string
		Threshold *yaml.Node
		Lookback  string `yaml:"lookbackWindow"`
	}
}

// policy adds a policy's pairs as an AlertPolicy each, because one may have but
// one condition; the short window and the exact share are annotations.
func (w *writer) policy(o *slo.Objective, meta *writtenMeta) (refs []writtenReference, err error) {
	p := o.Policy
	if len(p.Pairs) == 0 {
		if p.Name != silent {
			return nil, fmt.Errorf("its policy %q has no pairs; only %s may have none", p.Name, silent)
		}
		meta.annotate("policy", silent)
		return nil, nil
	}
	period := o.Window.Nominal()
	if err := w.receiver(); err != nil {
		return nil, err
	}
	for _, pair := range p.Pairs {
		name := dnsName(p.Name + "-" + slo.FormatDuration(period) + "-" + pair.Name())
		if err := w.pair(name, p, pair, period); err != nil {
			return nil, err
		}
		refs = append(refs, writtenReference{name})
	}
	return refs, nil
}

func (w *writer) receiver() error {
	return w.share("AlertNotificationTarget", writtenMeta{Name: receiver}, map[string]string{
		"description": "Who is told is for Alertmanager's routes to say.", "target": receiver,
	})
}

func (w *writer) pair(name string, p slo.Policy, pair slo.Pair, period time.Duration) error {
	meta := writtenMeta{Name: name}
	meta.annotate("policy", p.Name)
	if p.Description != "" {
		meta.annotate("policy-description", p.Description)
	}
	meta.annotate("share", pair.Share.String())
	meta.annotate("short", slo.FormatDuration(pair.Short))
	var c writtenCondition
	c.Severity = pair.Severity
	c.Condition.Kind, c.Condition.Op = "burnrate", "gt"
	c.Condition.Threshold = plainNumber(floatText(pair.Limit(period).Float()))
	c.Condition.Lookback = shorthandOf(pair.Long)
	return w.share("AlertPolicy", meta, writtenAlertPolicy{
		NoData: true, Resolved: true, Breaching: true,
		Conditions: []any{struct {
			Kind     string
			Metadata writtenMeta
			Spec     writtenCondition
		}{"AlertCondition", writtenMeta{Name: name}, c}},
		Targets: []any{map[string]string{"targetRef": receiver}},
	})
}
