package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
)

// objectives reads the promises: the built-in catalogue without what is switched off, and the
// operator's own, which stand in place of built-in ones of the same name.
func (v *validator) objectives() {
	catalogue, err := slo.Catalogue()
	if err != nil {
		v.fail("objectives", "the built-in catalogue cannot be read: %s", err)
		return
	}
	v.config.Policies = v.policies()
	own := v.ownObjectives(v.config.Policies)
	known := make([]string, len(catalogue))
	for i, o := range catalogue {
		known[i] = o.Name
		replaced := slices.ContainsFunc(own, func(mine slo.Objective) bool { return mine.Name == o.Name })
		if !replaced && !slices.Contains(v.file.Objectives.Disable, o.Name) {
			v.config.Objectives = append(v.config.Objectives, o)
		}
	}
	for i, name := range v.file.Objectives.Disable {
		if !slices.Contains(known, name) {
			v.fail(fmt.Sprintf("objectives.disable[%d]", i), "there is no built-in objective %q; there are: %s", name, strings.Join(known, ", "))
		}
	}
	v.config.Objectives = append(v.config.Objectives, own...)
	slices.SortFunc(v.config.Objectives, func(a, b slo.Objective) int { return strings.Compare(a.Name, b.Name) })
	v.foreign(slo.Link(v.config.Objectives))
	v.sourced()
	v.exclusions()
}

// sources are the Prometheus-compatible APIs that objectives may name.
func (v *validator) sources() {
	for i, s := range v.file.Sources {
		s.HTTP.SetDirectory(filepath.Dir(v.path))
		path := fmt.Sprintf("sources[%d]", i)
		v.failAll(path, s.Validate())
		if slices.ContainsFunc(v.config.Sources, func(other promsource.Config) bool { return other.Name == s.Name }) {
			v.fail(path+".name", "there is a source %q already; give each a name of its own", s.Name)
		}
		v.config.Sources = append(v.config.Sources, s)
	}
}

// sourced refuses objectives that name a source which is not there.
func (v *validator) sourced() {
	for _, o := range v.config.Objectives {
		from := o.Indicator.Source
		if from != "" && !slices.ContainsFunc(v.config.Sources, func(s promsource.Config) bool { return s.Name == from }) {
			v.foreign(fmt.Errorf("%s: objective %q is measured in source %q, which is not there; add it under sources in %s", o.Position, o.Name, from, v.path))
		}
	}
}

// policies are the built-in alert policies and the operator's own, which may stand in place of
// built-in ones.
func (v *validator) policies() slo.Policies {
	all, err := slo.DefaultPolicies()
	if err != nil {
		v.fail("objectives", "the built-in alert policies cannot be read: %s", err)
		return all
	}
	var own []slo.Policy
	v.each("objectives.policies", v.file.Objectives.Policies, func(_, file string, data []byte) {
		policies, err := slo.ParsePolicies(file, data)
		v.foreign(err)
		own = append(own, policies...)
	})
	merged, err := all.With(own)
	if err != nil {
		v.foreign(err)
		return all
	}
	return merged
}

func (v *validator) ownObjectives(policies slo.Policies) []slo.Objective {
	var own []slo.Objective
	v.each("objectives.files", v.file.Objectives.Files, func(_, file string, data []byte) {
		objectives, err := policies.ParseObjectives(file, data)
		v.foreign(err)
		own = append(own, objectives...)
	})
	return own
}

func (v *validator) exclusions() {
	v.each("objectives.exclusions", v.file.Objectives.Exclusions, func(path, file string, data []byte) {
		own, err := slo.ParseExclusions(file, data)
		v.foreign(err)
		for _, x := range own {
			if slices.ContainsFunc(v.config.Exclusions, func(other Exclusion) bool { return other.ID == x.ID }) {
				v.fail(path, "there is an exclusion %q already; give the one in %s another id", x.ID, file)
			}
			v.config.Exclusions = append(v.config.Exclusions, Exclusion{x, file})
		}
	})
}

// each hands over the files that globs name, which are relative to the configuration file.
func (v *validator) each(setting string, globs []string, read func(path, file string, data []byte)) {
	for i, glob := range globs {
		path := fmt.Sprintf("%s[%d]", setting, i)
		pattern := glob
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(v.path), glob)
		}
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			v.fail(path, "no file fits %q; correct the path, which is relative to this file, or remove it", glob)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				v.fail(path, "%s", err)
				continue
			}
			v.digest(file, data)
			read(path, file, data)
		}
	}
}

// foreign notes faults of other files, which carry places of their own.
func (v *validator) foreign(err error) {
	if err != nil {
		v.problems = append(v.problems, Problem{Text: err.Error()})
	}
}
