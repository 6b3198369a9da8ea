package simulate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// ParseVariant reads what of an objective is to be different, as people write it
// on a command line:
//
//	target=99.5%
//	name=calm, target.dedicated=99.95%, window=month@Europe/Berlin, policy=tickets
//
// The keys are name, target (of all tiers and tenants), target.<tier>,
// target.tenants.<tenant>, window (28d, or week, month, quarter, year, each with
// @zone if not UTC), policy (one of policies), no_data, min_coverage, min_bad and
// budget_spent. Without a name the variant is
// called by the text. The objective is not changed.
func ParseVariant(objective slo.Objective, policies slo.Policies, text string) (Variant, error) {
	v := Variant{Name: strings.TrimSpace(text), Objective: objective}
	v.Objective.Targets = objective.Targets.Clone()
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		set, known := v.setter(policies, key)
		var err error
		switch {
		case !known:
			err = errors.New("the keys are name, target, target.<tier>, target.tenants.<tenant>, window, policy, no_data, min_coverage, min_bad, budget_spent")
		case seen[key]:
			err = errors.New("it stands twice")
		default:
			err = set(value)
		}
		if err != nil {
			return Variant{}, fmt.Errorf("variant %q: %s: %w", text, key, err)
		}
		seen[key] = true
	}
	return v, nil
}

// setter is what takes the value of a key.
func (v *Variant) setter(policies slo.Policies, key string) (set func(value string) error, known bool) {
	o := &v.Objective
	if tenant, of := strings.CutPrefix(key, "target.tenants."); of {
		return func(value string) error { return targetOf(&o.Targets.ByTenant, tenant, value) }, tenant != ""
	}
	if tier, of := strings.CutPrefix(key, "target."); of {
		return func(value string) error { return targetOf(&o.Targets.ByTier, tier, value) }, tier != "" && tier != "tenants"
	}
	set, known = map[string]func(string) error{
		"name":         func(value string) error { return word(&v.Name, value) },
		"target":       v.target,
		"window":       v.window,
		"policy":       func(value string) error { return v.policy(policies, value) },
		"no_data":      v.noData,
		"min_coverage": func(value string) error { return parsed(&o.MinCoverage, value, slo.ParseRatio) },
		"min_bad": func(value string) error {
			return parsed(&o.LowTraffic.MinBad, value, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 32) })
		},
		"budget_spent": func(value string) error { return parsed(&o.LowTraffic.BudgetSpent, value, strconv.ParseBool) },
	}[key]
	return set, known
}

func parsed[T any](into *T, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err == nil {
		*into = value
	}
	return err
}

func word(into *string, text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	*into = text
	return nil
}

// target sets that of all.
func (v *Variant) target(text string) error {
	value, err := slo.ParseTarget(text)
	if err == nil {
		v.Objective.Targets = slo.Targets{Default: value}
	}
	return err
}

// targetOf sets that of a tier or tenant.
func targetOf(all *map[string]slo.Ratio, name, text string) error {
	value, err := slo.ParseTarget(text)
	if err != nil {
		return err
	}
	if *all == nil {
		*all = map[string]slo.Ratio{}
	}
	(*all)[name] = value
	return nil
}

func (v *Variant) window(text string) error {
	unit, zone, zoned := strings.Cut(text, "@")
	if slices.Contains([]slo.Calendar{slo.Week, slo.Month, slo.Quarter, slo.Year}, slo.Calendar(unit)) {
		where, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			return fmt.Errorf("there is no time zone %q; write one such as Europe/Berlin", zone)
		}
		v.Objective.Window = slo.Window{Calendar: slo.Calendar(unit), Zone: where}
		return nil
	}
	length, err := slo.ParseDuration(unit)
	if err != nil || zoned || length < slo.Day || length > 366*slo.Day || length%time.Minute != 0 {
		return fmt.Errorf("%q is no window; write 1d to 366d, or week, month, quarter or year, each with @zone if not UTC", text)
	}
	v.Objective.Window = slo.Window{Rolling: length}
	return nil
}

func (v *Variant) policy(policies slo.Policies, name string) error {
	p, known := policies[name]
	if !known {
		return fmt.Errorf("there is no policy %q; the policies are %s", name, strings.Join(slices.Sorted(maps.Keys(policies)), ", "))
	}
	v.Objective.Policy = p
	return nil
}

func (v *Variant) noData(text string) error {
	words := []slo.NoData{slo.NoDataIgnore, slo.NoDataGood, slo.NoDataBad, slo.NoDataCarry}
	if !slices.Contains(words, slo.NoData(text)) {
		return fmt.Errorf("%q is none of %s", text, words)
	}
	v.Objective.NoData = slo.NoData(text)
	return nil
}
