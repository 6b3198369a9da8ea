package slo

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// ParseExclusions reads exclusions, one YAML document each, with errors as
// ParseObjectives has them. Times are RFC 3339, or civil ones of the exclusion's
// zone such as 2026-03-01 02:00; a duration may stand for the end.
func ParseExclusions(file string, data []byte) ([]Exclusion, error) {
	var all []Exclusion
	at := map[string]Position{}
	d := &decoder{file: file}
	err := d.documents(data, func(n *yaml.Node) {
		x := d.exclusion(n)
		if other, twice := at[x.ID]; twice && x.ID != "" {
			d.failf(n, "exclusion %q stands twice; the other is at %s", x.ID, other)
		}
		at[x.ID] = d.at(n)
		all = append(all, x)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (d *decoder) exclusion(n *yaml.Node) Exclusion {
	x := Exclusion{Mode: Remove}
	var from, to, announced string
	var length time.Duration
	before := len(d.faults)
	seen := d.mapping(n, "an exclusion", map[string]field{
		"id":        d.text(&x.ID),
		"scope":     d.scope(&x.Scope),
		"from":      d.text(&from),
		"to":        d.text(&to),
		"duration":  d.duration(&length),
		"rule":      d.text(&x.Rule),
		"zone":      d.text(&x.Zone),
		"mode":      d.text((*string)(&x.Mode)),
		"category":  d.text((*string)(&x.Category)),
		"approver":  d.text(&x.Approver),
		"reason":    d.text(&x.Reason),
		"announced": d.text(&announced),
	})
	d.require(n, "the exclusion", seen, "id", "scope", "from", "category", "approver", "reason")
	if seen != nil && (seen["to"] == nil) == (seen["duration"] == nil) {
		d.failf(n, "an exclusion has either to or duration; write one of them")
	}
	if len(d.faults) > before {
		return x
	}
	d.times(&x, map[string]*time.Time{"from": &x.From, "to": &x.To, "announced": &x.Announced}, seen)
	if length > 0 {
		x.To = x.From.Add(length)
	}
	if len(d.faults) == before {
		d.exclusionFaults(&x, n, seen)
	}
	return x
}

// exclusionFaults puts what Validate finds where the keys stand.
func (d *decoder) exclusionFaults(x *Exclusion, n *yaml.Node, seen map[string]*yaml.Node) {
	for _, f := range x.faults() {
		at := seen[f.key]
		if at == nil && f.key == "to" {
			at = seen["duration"]
		}
		if at == nil {
			at = n
		}
		d.failf(at, "%v", f.err)
	}
}

func (d *decoder) scope(into *Scope) field {
	names := func(into *[]string) field {
		return d.each(func(n *yaml.Node) {
			var name string
			d.text(&name)(n)
			*into = append(*into, name)
		})
	}
	return func(n *yaml.Node) {
		d.mapping(n, "scope", map[string]field{
			"objectives": names(&into.Objectives), "tenants": names(&into.Tenants), "tiers": names(&into.Tiers),
		})
	}
}

// times reads the times once the zone is known in which civil ones are meant.
func (d *decoder) times(x *Exclusion, into map[string]*time.Time, seen map[string]*yaml.Node) {
	zone, err := x.zone()
	if err != nil {
		d.failf(seen["zone"], "%v", err)
		return
	}
	for key, at := range into {
		if n := seen[key]; n != nil {
			if *at, err = moment(n.Value, zone); err != nil {
				d.failf(n, "%v", err)
			}
		}
	}
}

// civilLayouts are the ways to write a time of a zone's clocks.
var civilLayouts = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly}

func moment(text string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range civilLayouts {
		if civil, err := time.Parse(layout, text); err == nil {
			return instant(civil, zone), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write one such as 2026-03-01 02:00 or 2026-03-01T02:00:00+01:00", text)
}

// exclusionFault is what is wrong with the value of one key.
type exclusionFault struct {
	key string
	err error
}

// Validate says what is wrong with an exclusion from wherever it came, by the
// names that its fields have in files and in JSON; nil if it may be applied.
func (x *Exclusion) Validate() error {
	var all []error
	for _, f := range x.faults() {
		all = append(all, fmt.Errorf("%s: %w", f.key, f.err))
	}
	return errors.Join(all...)
}

var (
	exclusionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	modes       = []ExclusionMode{Remove, AsGood}
	categories  = []Category{Maintenance, Correction, ThirdParty, Exercise}
)

// maxText is as long as an approver or a reason may be.
const maxText = 1000

func (x *Exclusion) faults() []exclusionFault {
	var all []exclusionFault
	check := func(bad bool, key, format string, args ...any) {
		if bad {
			all = append(all, exclusionFault{key, fmt.Errorf(format, args...)})
		}
	}
	check(!exclusionID.MatchString(x.ID), "id", "%q is not an id; write letters, digits, dots and hyphens, 100 at most", x.ID)
	for _, list := range [][]string{x.Scope.Objectives, x.Scope.Tenants, x.Scope.Tiers} {
		check(slices.Contains(list, ""), "scope", "a name is empty")
	}
	check(!slices.Contains(modes, x.Mode), "mode", "%q is none of %s", x.Mode, quoted(modes))
	check(!slices.Contains(categories, x.Category), "category", "%q is none of %s", x.Category, quoted(categories))
	for _, f := range []struct{ key, text string }{{"approver", x.Approver}, {"reason", x.Reason}} {
		check(strings.TrimSpace(f.text) == "", f.key, "this is empty; say it for those who read the report")
		check(len(f.text) > maxText, f.key, "this is longer than %d characters", maxText)
	}
	check(x.Category.Planned() && x.Announced.IsZero(), "announced", "%s is planned; say when it was announced", x.Category)
	return append(all, x.timeFaults()...)
}

// The years in which an exclusion may begin, which bounds what a rule costs.
const (
	firstYear = 2000
	lastYear  = 2199
)

func (x *Exclusion) timeFaults() []exclusionFault {
	zone, err := x.zone()
	if err != nil {
		return []exclusionFault{{"zone", err}}
	}
	length := x.To.Sub(x.From)
	switch {
	case x.From.Year() < firstYear || x.From.Year() > lastYear:
		return []exclusionFault{{"from", fmt.Errorf("write a time of the years %d to %d", firstYear, lastYear)}}
	case !x.From.Equal(x.From.Truncate(time.Minute)):
		return []exclusionFault{{"from", errors.New("write a whole minute")}}
	case !x.To.Equal(x.To.Truncate(time.Minute)):
		return []exclusionFault{{"to", errors.New("write a whole minute")}}
	case length <= 0:
		return []exclusionFault{{"to", errors.New("it ends before it begins")}}
	case length > 366*Day:
		return []exclusionFault{{"to", errors.New("it lasts longer than a year")}}
	case x.Rule == "":
		return nil
	}
	r, err := readRecurrence(x.Rule, x.From.In(zone))
	if err == nil {
		err = r.fits(length)
	}
	if err != nil {
		return []exclusionFault{{"rule", err}}
	}
	return nil
}
