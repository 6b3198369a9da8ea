package changes

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config says who may report changes, which pages tell the state of applications, and how long
// changes are remembered.
type Config struct {
	Senders       []Sender       `yaml:"senders"`
	Applications  []Endpoint     `yaml:"applications"`
	Retention     model.Duration `yaml:"retention"`      // how long a change is remembered; 400d
	StuckAfter    model.Duration `yaml:"stuck_after"`    // a change that has not finished by then is a finding; 1h
	DriftAfter    model.Duration `yaml:"drift_after"`    // an application that differs for longer is a finding; 1h
	SuspectWithin model.Duration `yaml:"suspect_within"` // how long before an alert a change is suspected; 2h
}

// Sender is one system that reports changes.
type Sender struct {
	Name      string        `yaml:"name"` // shown as who made the change, and in metrics
	Kind      string        `yaml:"kind"` // generic, github, gitlab, argocd or flux: the last part of the URL it sends to
	Token     config.Secret `yaml:"token"`
	TokenFile string        `yaml:"token_file"` // read at each event, so that the token can be changed
	Systems   []string      `yaml:"systems"`    // generic only: names that it may give as system beside its own
	PerMinute int           `yaml:"per_minute"` // events taken on average; 60, and as many at once
	Rules     []Rule        `yaml:"rules"`      // whose change it is, first match; not for generic, whose events say so
}

// Rule says whom a foreign event concerns: the patterns must match their facts whole, and then
// exactly one of the others tells the tenants.
type Rule struct {
	Match   map[string]string `yaml:"match"`   // fact -> regular expression, which may have a group named tenant
	Tenants []string          `yaml:"tenants"` // these
	All     bool              `yaml:"all"`     // the whole platform
	Tier    string            `yaml:"tier"`    // all of a tier, a region, with labels, or of several of these
	Region  string            `yaml:"region"`
	Labels  map[string]string `yaml:"labels"`
}

// Endpoint is a page of Argo CD's application controller or of kube-state-metrics with Flux's
// resources.
type Endpoint struct {
	Name      string            `yaml:"name"` // the target label of its series
	URL       string            `yaml:"url"`
	Token     config.Secret     `yaml:"token"`
	TokenFile string            `yaml:"token_file"`
	TLS       *config.TLSConfig `yaml:"tls"`
	Interval  model.Duration    `yaml:"interval"` // between two visits; as all others where it is left out
	Rules     []Rule            `yaml:"rules"`    // facts: application, namespace (where it is deployed), project, kind
}

// DefaultConfig remembers changes for 400 days and lets nobody in.
func DefaultConfig() Config {
	return Config{
		Retention: model.Duration(400 * 24 * time.Hour), StuckAfter: model.Duration(time.Hour),
		DriftAfter: model.Duration(time.Hour), SuspectWithin: model.Duration(2 * time.Hour),
	}
}

// Format prints who sends and what is read, whatever the verb asks for: never a token.
func (c Config) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "changes of %d senders and %d pages", len(c.Senders), len(c.Applications))
}

// Facts are the names that rules may match, by kind of sender.
var senderFacts = map[string][]string{
	"generic": nil,
	"github":  {"environment", "repository", "workflow", "branch"},
	"gitlab":  {"environment", "repository", "branch"},
	"argocd":  applicationFacts,
	"flux":    {"application", "namespace", "kind"},
}

var applicationFacts = []string{"application", "namespace", "project", "kind"}

var senderName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	for field, d := range map[string]model.Duration{
		"retention": c.Retention, "stuck_after": c.StuckAfter, "drift_after": c.DriftAfter, "suspect_within": c.SuspectWithin,
	} {
		if d <= 0 {
			errs = append(errs, collectors.Invalid(field, "is %s; write a time above 0", d))
		}
	}
	names := map[string]bool{ourselves: true}
	for i, s := range c.Senders {
		at := fmt.Sprintf("senders[%d].", i)
		if names[s.Name] {
			errs = append(errs, collectors.Invalid(at+"name", "%q is taken", s.Name))
		}
		names[s.Name] = true
		errs = append(errs, s.validate(at)...)
	}
	pages := map[string]bool{target: true}
	for i, e := range c.Applications {
		at := fmt.Sprintf("applications[%d].", i)
		if pages[e.Name] {
			errs = append(errs, collectors.Invalid(at+"name", "%q is taken", e.Name))
		}
		pages[e.Name] = true
		errs = append(errs, e.validate(at)...)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (s Sender) validate(at string) []error {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, collectors.Invalid(at+field, format, args...))
	}
	if !senderName.MatchString(s.Name) {
		fail("name", "%q must be lower case letters, digits, dots and dashes, 40 at most", s.Name)
	}
	facts, known := senderFacts[s.Kind]
	if !known {
		fail("kind", "%q is none of %s", s.Kind, strings.Join(slices.Sorted(maps.Keys(senderFacts)), ", "))
		return errs
	}
	if (s.Token == "") == (s.TokenFile == "") {
		fail("token_file", "or token is needed, and one of them only")
	}
	if s.Token != "" && len(s.Token) < shortestToken {
		fail("token", "is too short: %d characters at least; write it in token_file", shortestToken)
	}
	if s.PerMinute < 0 {
		fail("per_minute", "is %d; write a number above 0", s.PerMinute)
	}
	for i, system := range s.Systems {
		if !senderName.MatchString(system) || s.Kind != "generic" {
			fail(fmt.Sprintf("systems[%d]", i), "%q must be a name as of a sender, and the sender generic", system)
		}
	}
	switch generic := s.Kind == "generic"; {
	case generic && len(s.Rules) > 0:
		fail("rules", "are not for generic senders, whose events name their tenants")
	case !generic && len(s.Rules) == 0:
		fail("rules", "are missing; without them no event concerns anybody")
	}
	return append(errs, validateRules(at, s.Rules, facts)...)
}

func (e Endpoint) validate(at string) []error {
	var errs []error
	fail := func(field, format string, args ...any) {
		errs = append(errs, collectors.Invalid(at+field, format, args...))
	}
	if !senderName.MatchString(e.Name) {
		fail("name", "%q must be lower case letters, digits, dots and dashes, 40 at most", e.Name)
	}
	if u, err := url.Parse(e.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		fail("url", "is not http:// or https:// with a host and without a user")
	}
	if e.Token != "" && e.TokenFile != "" {
		fail("token_file", "is set beside token; keep one of them")
	}
	if e.TLS != nil {
		if err := e.TLS.Validate(); err != nil {
			fail("tls", "%v", err)
		}
	}
	if e.Interval < 0 {
		fail("interval", "is %s; write a time above 0", e.Interval)
	}
	return append(errs, validateRules(at, e.Rules, applicationFacts)...)
}

func validateRules(at string, all []Rule, facts []string) []error {
	var errs []error
	for i, r := range all {
		if _, err := r.compile(facts); err != nil {
			errs = append(errs, collectors.Invalid(fmt.Sprintf("%srules[%d]", at, i), "%v", err))
		}
	}
	return errs
}

// secret returns a token as it is now.
// shortestToken is how long a sender's token must be: forged signatures can be tried at leisure.
const shortestToken = 16

// secret is a sender's token as it is now.
func (s Sender) secret() (string, error) {
	token, err := secret(s.Token, s.TokenFile)
	if err == nil && len(token) < shortestToken {
		err = fmt.Errorf("the token is too short: %d characters at least", shortestToken)
	}
	return token, err
}

func secret(inline config.Secret, file string) (string, error) {
	if file == "" {
		return string(inline), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("read token file: %s is empty", file)
	}
	return token, nil
}
