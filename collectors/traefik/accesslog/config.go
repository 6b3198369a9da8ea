package accesslog

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config says which log is read and what is told apart in it.
type Config struct {
	Path       string           `yaml:"path"`        // of Traefik's access log, JSON or common format; empty means that none is read
	FromStart  bool             `yaml:"from_start"`  // the first time, read what is there already
	RoundBytes int64            `yaml:"round_bytes"` // about how much is read in one round
	Workflows  []Workflow       `yaml:"workflows"`   // the operator's own, before the built-in ones
	Outcomes   []Outcome        `yaml:"outcomes"`    // the operator's own, before the built-in ones
	Bounds     []model.Duration `yaml:"bounds"`      // of the histograms
	Spike      Spike            `yaml:"spike"`
}

// Workflow is something that people or partners do: requests that belong together. Entries of one
// name are one workflow.
type Workflow struct {
	Name    string   `yaml:"name"`    // label value
	Methods []string `yaml:"methods"` // empty means any
	Paths   []string `yaml:"paths"`   // such as /clinic/{book,cancel}/**; empty means any
	Hosts   []string `yaml:"hosts"`   // such as *.example.org; empty means any
	Sockets bool     `yaml:"sockets"` // connections that stay open: not counted as requests
}

// Outcome is how requests end. Entries of one name are one outcome, with one verdict.
type Outcome struct {
	Name     string         `yaml:"name"`     // label value
	Verdict  string         `yaml:"verdict"`  // good, bad or none
	Statuses []string       `yaml:"statuses"` // such as 404 or 500-599
	Methods  []string       `yaml:"methods"`  // empty means any
	Paths    []string       `yaml:"paths"`    // empty means any
	Hosts    []string       `yaml:"hosts"`    // empty means any
	Bare     bool           `yaml:"bare"`     // only requests without a query
	Unrouted bool           `yaml:"unrouted"` // only requests that no router took
	After    model.Duration `yaml:"after"`    // only requests that took at least so long
}

// Spike says when a tenant's requests are out of line with the same hour of past weeks.
type Spike struct {
	Ratio    float64 `yaml:"ratio"`    // how many times the usual
	Requests uint64  `yaml:"requests"` // and at least so many in a quarter of an hour
}

// The verdicts of outcomes.
const (
	verdictGood = "good"
	verdictBad  = "bad"
	verdictNone = "none"
)

const (
	mostWorkflows = 40 // names, the operator's and the built-in ones
	mostOutcomes  = 24 // names
	mostEntries   = 200
	mostPaths     = 100 // of one entry
	mostBounds    = 20
)

// DefaultConfig is the built-in workflows and outcomes, and bounds that tell one second from two.
func DefaultConfig() Config {
	c := Config{RoundBytes: 256 << 20, Spike: Spike{Ratio: 3, Requests: 500}}
	for _, bound := range []time.Duration{
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		5 * time.Second, 10 * time.Second, 30 * time.Second,
	} {
		c.Bounds = append(c.Bounds, model.Duration(bound))
	}
	return c
}

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	errs := append(c.validateWorkflows(), c.validateOutcomes()...)
	invalid := func(path, format string, args ...any) {
		errs = append(errs, collectors.Invalid(path, format, args...))
	}
	if c.Path != "" && !filepath.IsAbs(c.Path) {
		invalid("path", "must be absolute")
	}
	if c.RoundBytes < 1<<20 {
		invalid("round_bytes", "is %d; at least 1048576 are read in a round", c.RoundBytes)
	}
	if len(c.Bounds) == 0 || len(c.Bounds) > mostBounds {
		invalid("bounds", "are %d; write 1 to %d", len(c.Bounds), mostBounds)
	}
	for i, bound := range c.Bounds {
		if bound <= 0 || i > 0 && bound <= c.Bounds[i-1] {
			invalid(at("bounds", i), "must be above 0 and above the one before")
		}
	}
	if c.Spike.Ratio <= 1 {
		invalid("spike.ratio", "is %v; what is usual is 1", c.Spike.Ratio)
	}
	return errors.Join(errs...)
}

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)
	methodForm = regexp.MustCompile(`^[A-Z]{1,20}$`)
	hostForm   = regexp.MustCompile(`^[a-zA-Z0-9*][a-zA-Z0-9*._-]{0,252}$`)
)

func (c Config) validateWorkflows() []error {
	var errs []error
	names := map[string]bool{}
	for i, w := range c.Workflows {
		path := at("workflows", i)
		errs = append(errs, validateRequests(path, w.Name, w.Methods, w.Paths, w.Hosts)...)
		if len(w.Paths) == 0 && len(w.Hosts) == 0 {
			errs = append(errs, collectors.Invalid(path+".paths", "are missing; write paths, hosts or both"))
		}
		names[w.Name] = true
	}
	errs = append(errs, tooMany("workflows", len(c.Workflows), mostEntries)...)
	if ready, err := newRules(c); err == nil {
		errs = append(errs, tooMany("workflows", len(ready.workflows), mostWorkflows)...)
		errs = append(errs, ready.contradictions(c)...)
	}
	return errs
}

func (c Config) validateOutcomes() []error {
	var errs []error
	for i, o := range c.Outcomes {
		path := at("outcomes", i)
		errs = append(errs, validateRequests(path, o.Name, o.Methods, o.Paths, o.Hosts)...)
		if !slices.Contains([]string{verdictGood, verdictBad, verdictNone}, o.Verdict) {
			errs = append(errs, collectors.Invalid(path+".verdict", "is %q; write good, bad or none", o.Verdict))
		}
		if len(o.Statuses) == 0 {
			errs = append(errs, collectors.Invalid(path+".statuses", "are missing; write such as 404 or 500-599"))
		}
		for j, text := range o.Statuses {
			if _, _, err := parseStatuses(text); err != nil {
				errs = append(errs, collectors.Invalid(at(path+".statuses", j), "%v", err))
			}
		}
	}
	return append(errs, tooMany("outcomes", len(c.Outcomes), mostEntries)...)
}

func tooMany(path string, n, most int) []error {
	if n <= most {
		return nil
	}
	return []error{collectors.Invalid(path, "are %d, the built-in ones included; at most %d can be told apart", n, most)}
}

// validateRequests judges what workflows and outcomes have in common.
func validateRequests(path, name string, methods, paths, hosts []string) []error {
	var errs []error
	if !nameForm.MatchString(name) {
		errs = append(errs, collectors.Invalid(path+".name", "is no lower case word such as booking"))
	}
	errs = append(errs, tooMany(path+".paths", len(paths), mostPaths)...)
	each := func(list string, texts []string, form *regexp.Regexp, want string) {
		for i, text := range texts {
			if !form.MatchString(text) {
				errs = append(errs, collectors.Invalid(at(path+"."+list, i), "is no %s", want))
			}
		}
	}
	each("methods", methods, methodForm, "method such as POST")
	each("hosts", hosts, hostForm, "host name such as *.example.org")
	for i, text := range paths {
		if _, err := parsePatterns(text); err != nil {
			errs = append(errs, collectors.Invalid(at(path+".paths", i), "%v", err))
		}
	}
	return errs
}

// contradictions says which of the operator's entries disagree with others of their name.
func (r *rules) contradictions(c Config) []error {
	var errs []error
	errs = append(errs, tooMany("outcomes", len(r.outcomes), mostOutcomes)...)
	for i, w := range c.Workflows {
		if r.sockets[r.workflow(w)] != w.Sockets {
			errs = append(errs, collectors.Invalid(at("workflows", i)+".sockets", "differs from another entry of this name"))
		}
	}
	for i, o := range c.Outcomes {
		if r.verdicts[r.outcome(o)] != o.Verdict {
			errs = append(errs, collectors.Invalid(at("outcomes", i)+".verdict", "differs from another entry of this name"))
		}
	}
	return errs
}
