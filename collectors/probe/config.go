package probe

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config describes one service that tenants are reached through, and the probes that go there.
type Config struct {
	Name           string            `yaml:"name"`             // the target label of the probes
	Connect        string            `yaml:"connect"`          // host:port to connect to whatever the URL says, such as that of the proxy; empty means what the URL says
	TLS            *config.TLSConfig `yaml:"tls"`              // for https; the certificate is checked against the URL's host
	Concurrency    int               `yaml:"concurrency"`      // probes in flight at once
	TenantsPerHour int               `yaml:"tenants_per_hour"` // different tenants that are asked within an hour at most: each takes memory of an Odoo worker; 0 for no bound
	Probes         []Probe           `yaml:"probes"`
}

// Probe is one transaction.
type Probe struct {
	Name        string              `yaml:"name"`        // the probe label
	Tenants     string              `yaml:"tenants"`     // pattern of the whole names of the tenants it is made for; empty means all
	Interval    model.Duration      `yaml:"interval"`    // between two runs for one tenant; 0 means 5m
	Timeout     model.Duration      `yaml:"timeout"`     // of all steps together; 0 means 10s
	Cookies     bool                `yaml:"cookies"`     // are kept from step to step
	Severity    collectors.Severity `yaml:"severity"`    // of the finding when it fails: critical, warning or info; critical where left out
	Certificate model.Duration      `yaml:"certificate"` // a certificate that ends sooner is a finding; 0 means 14d
	Steps       []Step              `yaml:"steps"`
}

// Step is one request. {host}, {tenant}, {database} and what earlier steps extracted are filled in
// in URL, headers and body, each written as its place asks for.
type Step struct {
	Name            string            `yaml:"name"`
	Method          string            `yaml:"method"`           // GET where left out
	URL             string            `yaml:"url"`              // such as https://{host}/my
	Headers         map[string]string `yaml:"headers"`          //
	Body            string            `yaml:"body"`             //
	BodyFile        string            `yaml:"body_file"`        // read at each run
	TokenFile       string            `yaml:"token_file"`       // read at each run, sent as bearer token
	FollowRedirects bool              `yaml:"follow_redirects"` // within the same host
	Expect          Expect            `yaml:"expect"`
	Extract         []Extract         `yaml:"extract"`
}

// Expect is what a step's answer must be.
type Expect struct {
	Status  []int          `yaml:"status"`  // one of these; 200 where left out
	Body    string         `yaml:"body"`    // pattern that must be found in it
	NotBody string         `yaml:"notbody"` // pattern that must not
	Latency model.Duration `yaml:"latency"` // within which it must be there whole; 0 for no bound
}

// Extract takes a value out of an answer, for the steps that follow.
type Extract struct {
	Name   string `yaml:"name"`
	Body   string `yaml:"body"`   // pattern with one group
	Header string `yaml:"header"` // or the name of a header
}

const (
	defaultInterval    = 5 * time.Minute
	defaultTimeout     = 10 * time.Second
	defaultCertificate = 14 * 24 * time.Hour
	mostSteps          = 20
)

// DefaultConfig is a service with as much room for probes as for the login checks of Odoo.
func DefaultConfig() Config { return Config{Concurrency: 4, TenantsPerHour: 68} }

// Format prints which service it is, whatever the verb asks for: headers and bodies can hold secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "probe target %s", c.Name) }

// Format prints which probe it is, whatever the verb asks for.
func (p Probe) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "probe %s", p.Name) }

// Format prints which step it is, whatever the verb asks for.
func (s Step) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "step %s", s.Name) }

// problems gathers what is wrong.
type problems []error

func (p *problems) wrong(is bool, path, format string, args ...any) {
	if is {
		*p = append(*p, collectors.Invalid(path, format, args...))
	}
}

var name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var bad problems
	bad.wrong(c.Name == "", "name", "is missing; it becomes the target label")
	bad.wrong(c.Concurrency < 1, "concurrency", "is %d; write at least 1", c.Concurrency)
	bad.wrong(c.TenantsPerHour < 0, "tenants_per_hour", "is %d; write 0 for no bound", c.TenantsPerHour)
	if c.Connect != "" {
		host, port, err := net.SplitHostPort(c.Connect)
		bad.wrong(err != nil || host == "" || port == "", "connect", "%q is not host:port", c.Connect)
	}
	if c.TLS != nil {
		err := c.TLS.Validate()
		bad.wrong(err != nil, "tls", "%v", err)
	}
	bad.wrong(len(c.Probes) == 0, "probes", "is empty; write at least one")
	for i, probe := range c.Probes {
		at := fmt.Sprintf("probes[%d]", i)
		bad.wrong(slices.ContainsFunc(c.Probes[:i], func(o Probe) bool { return o.Name == probe.Name }), at+".name", "%q is there twice", probe.Name)
		probe.validate(&bad, at)
	}
	return errors.Join(bad...)
}

func (p Probe) validate(bad *problems, at string) {
	bad.wrong(!name.MatchString(p.Name), at+".name", "is %q; write lower case letters, digits and underscores", p.Name)
	_, err := regexp.Compile(p.Tenants)
	bad.wrong(err != nil, at+".tenants", "is not a regular expression: %v", err)
	bad.wrong(p.Interval != 0 && p.Interval < model.Duration(10*time.Second), at+".interval", "is %s; write at least 10s", p.Interval)
	bad.wrong(p.Timeout < 0 || p.Timeout > model.Duration(2*time.Minute), at+".timeout", "is %s; write up to 2m", p.Timeout)
	bad.wrong(p.Certificate < 0, at+".certificate", "must not be negative")
	bad.wrong(p.Severity != "" && !slices.Contains([]collectors.Severity{collectors.Critical, collectors.Warning, collectors.Info}, p.Severity),
		at+".severity", "is %q; write critical, warning or info", p.Severity)
	bad.wrong(len(p.Steps) == 0 || len(p.Steps) > mostSteps, at+".steps", "has %d steps; write 1 to %d", len(p.Steps), mostSteps)
	known := []string{"host", "tenant", "database"}
	for i, s := range p.Steps {
		place := fmt.Sprintf("%s.steps[%d]", at, i)
		bad.wrong(slices.ContainsFunc(p.Steps[:i], func(o Step) bool { return o.Name == s.Name }), place+".name", "%q is there twice", s.Name)
		s.validate(bad, place, known)
		for _, e := range s.Extract {
			known = append(known, e.Name)
		}
	}
}

func (s Step) validate(bad *problems, at string, known []string) {
	bad.wrong(!name.MatchString(s.Name), at+".name", "is %q; write lower case letters, digits and underscores", s.Name)
	bad.wrong(!slices.Contains([]string{"", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, s.Method),
		at+".method", "%q is not a method", s.Method)
	example, err := url.Parse(fill(s.URL, func(string) string { return "x" }))
	bad.wrong(err != nil || (example.Scheme != "http" && example.Scheme != "https") || example.Host == "", at+".url", "must be http:// or https:// with a host")
	bad.wrong(err == nil && example.User != nil, at+".url", "has credentials in it; use token_file")
	bad.wrong(s.Body != "" && s.BodyFile != "", at+".body_file", "is set beside body; keep one of them")
	for header, text := range s.Headers {
		bad.wrong(!headerName.MatchString(header), at+".headers", "%q is not a header", header)
		bad.wrong(s.TokenFile != "" && strings.EqualFold(header, "Authorization"), at+".token_file", "is set beside an Authorization header; keep one of them")
		unknown(bad, at+".headers."+header, text, known)
	}
	unknown(bad, at+".url", s.URL, known)
	unknown(bad, at+".body", s.Body, known)
	s.Expect.validate(bad, at+".expect")
	for i, e := range s.Extract {
		e.validate(bad, fmt.Sprintf("%s.extract[%d]", at, i), known)
	}
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// unknown says which placeholders of a text nothing fills in.
func unknown(bad *problems, at, text string, known []string) {
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		bad.wrong(!slices.Contains(known, found[1]), at, "has {%s}, which no earlier step extracts; there are: %s", found[1], strings.Join(known, ", "))
	}
}

func (e Expect) validate(bad *problems, at string) {
	for i, status := range e.Status {
		bad.wrong(status < 100 || status > 599, fmt.Sprintf("%s.status[%d]", at, i), "%d is not a status", status)
	}
	for path, pattern := range map[string]string{".body": e.Body, ".notbody": e.NotBody} {
		_, err := regexp.Compile(pattern)
		bad.wrong(err != nil, at+path, "is not a regular expression: %v", err)
	}
	bad.wrong(e.Latency < 0, at+".latency", "must not be negative")
}

func (e Extract) validate(bad *problems, at string, known []string) {
	bad.wrong(!name.MatchString(e.Name), at+".name", "is %q; write lower case letters, digits and underscores", e.Name)
	bad.wrong(slices.Contains(known[:3], e.Name), at+".name", "%q is the tenant's own", e.Name)
	bad.wrong((e.Body == "") == (e.Header == ""), at, "needs either body or header")
	pattern, err := regexp.Compile(e.Body)
	bad.wrong(err != nil, at+".body", "is not a regular expression: %v", err)
	bad.wrong(err == nil && e.Body != "" && pattern.NumSubexp() != 1, at+".body", "needs one group around the value")
}

// header looks up a header whatever its case.
func header(headers map[string]string, name string) string {
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		if strings.EqualFold(key, name) {
			return headers[key]
		}
	}
	return ""
}
