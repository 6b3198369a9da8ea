package scrape

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/webpage"
)

// Config describes one target: one endpoint, or several whose pages belong together, such as the
// kubelets of one cluster.
type Config struct {
	Name     string                  `yaml:"name"`     // the target label of its series
	URLs     []string                `yaml:"urls"`     // of the pages; with several the rule sets see all of them as one
	HTTP     config.HTTPClientConfig `yaml:"http"`     // TLS, tokens, basic auth, headers
	Interval model.Duration          `yaml:"interval"` // between visits; 0 means that of the rounds
	Timeout  model.Duration          `yaml:"timeout"`  // of one page

	Families     []Selection  `yaml:"families"`     // what is taken; the first that matches a family counts
	Tenants      []TenantRule `yaml:"tenants"`      // whose a series is; the first that names a known tenant counts
	Unattributed string       `yaml:"unattributed"` // series of no tenant: keep or drop
	Rules        []string     `yaml:"rules"`        // built-in rule sets: kubernetes

	MaxBytes       int `yaml:"max_bytes"`        // of one page, decompressed; a larger one is refused
	MaxSeries      int `yaml:"max_series"`       // that are served of this target; the rest is counted
	MaxFamilies    int `yaml:"max_families"`     // that wildcards may choose
	MaxLabelLength int `yaml:"max_label_length"` // in bytes; a series with a longer value is left out
}

// Selection names families and says what is kept of them.
type Selection struct {
	Names   []string          `yaml:"names"`   // full names as served; * and ? are wildcards
	Type    string            `yaml:"type"`    // gauge, counter or histogram, for names without wildcards; by the name where left out
	Labels  []string          `yaml:"labels"`  // that are kept; all others are dropped
	Where   map[string]string `yaml:"where"`   // label -> pattern of its whole value: only such series
	Combine string            `yaml:"combine"` // sum or max: what becomes of gauges that are alike once labels are dropped
}

// TenantRule finds the tenant in one label.
type TenantRule struct {
	Label   string            `yaml:"label"`   // such as namespace
	Pattern string            `yaml:"pattern"` // of the whole value, with a group named tenant; the whole value where left out
	Map     map[string]string `yaml:"map"`     // value -> tenant, instead of a pattern
	By      string            `yaml:"by"`      // what was found: the tenant's name, or a host of it
}

// What the settings can be.
const (
	keep     = "keep"
	drop     = "drop"
	sum      = "sum"
	most     = "max"
	byName   = "name"
	byHost   = "host"
	tenantIs = "tenant" // the group of a pattern
)

// DefaultConfig passes over nothing that is selected and fits a cluster of a few hundred nodes.
func DefaultConfig() Config {
	return Config{
		HTTP:           config.DefaultHTTPClientConfig,
		Timeout:        model.Duration(10 * time.Second),
		Unattributed:   keep,
		MaxBytes:       64 << 20,
		MaxSeries:      20000,
		MaxFamilies:    500,
		MaxLabelLength: 150,
	}
}

// Format prints which target it is, whatever the verb asks for: URLs and headers can hold secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "scrape target %s", c.Name) }

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	errs := []error{c.validateEndpoints()}
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(path, format, args...))
		}
	}
	wrong(c.Name == "", "name", "is missing; it becomes the target label")
	wrong(c.Interval < 0, "interval", "must not be negative")
	wrong(c.Timeout <= 0, "timeout", "must be positive")
	wrong(len(c.Families) == 0 && len(c.Rules) == 0, "families", "is empty, and so is rules: nothing would be taken")
	for i, s := range c.Families {
		errs = append(errs, s.validate(fmt.Sprintf("families[%d]", i)))
	}
	for i, r := range c.Tenants {
		errs = append(errs, r.validate(fmt.Sprintf("tenants[%d]", i)))
	}
	for i, name := range c.Rules {
		_, known := ruleSets[name]
		wrong(!known, fmt.Sprintf("rules[%d]", i), "%q is no rule set; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(ruleSets)), ", "))
	}
	wrong(c.Unattributed != keep && c.Unattributed != drop, "unattributed", "is %q; write keep or drop", c.Unattributed)
	wrong(c.MaxBytes < 1, "max_bytes", "must be positive")
	wrong(c.MaxSeries < 1, "max_series", "must be positive")
	wrong(c.MaxFamilies < 1, "max_families", "must be positive")
	wrong(c.MaxLabelLength < 1 || c.MaxLabelLength > longestLabel, "max_label_length", "is %d; write 1 to %d", c.MaxLabelLength, longestLabel)
	return errors.Join(errs...)
}

// longestLabel is what a technical name can be; what is longer is somebody's text.
const longestLabel = 200

func (c Config) validateEndpoints() error {
	errs := []error{webpage.Check("urls", c.URLs)}
	if err := c.HTTP.Validate(); err != nil {
		errs = append(errs, collectors.Invalid("http", "%v", err))
	}
	return errors.Join(errs...)
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (s Selection) validate(at string) error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(at+path, format, args...))
		}
	}
	wrong(len(s.Names) == 0, ".names", "is empty; write names of families, * and ? are wildcards")
	kind, known := kinds[s.Type]
	wrong(s.Type != "" && !known, ".type", "is %q; write gauge, counter or histogram", s.Type)
	for i, name := range s.Names {
		place := fmt.Sprintf(".names[%d]", i)
		_, err := path.Match(name, "")
		wrong(err != nil || name == "", place, "%q is no pattern of names", name)
		wrong(s.Type != "" && wild(name), ".type", "is for names without wildcards, and %q has one", name)
		wrong(s.Type != "" && known && !wild(name) && (kind == collectors.Counter) != strings.HasSuffix(name, total),
			place, "%q: counters, and only they, end in %s", name, total)
	}
	for i, label := range s.Labels {
		wrong(!labelName.MatchString(label) || label == bucketLabel, fmt.Sprintf(".labels[%d]", i), "%q is not a label that can be kept", label)
		wrong(slices.Contains(s.Labels[:i], label), fmt.Sprintf(".labels[%d]", i), "%q is there twice", label)
	}
	_, err := patterns(s.Where)
	wrong(err != nil, ".where", "%v", err)
	wrong(s.Combine != "" && s.Combine != sum && s.Combine != most, ".combine", "is %q; write sum or max", s.Combine)
	return errors.Join(errs...)
}

func (r TenantRule) validate(at string) error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(at+path, format, args...))
		}
	}
	wrong(!labelName.MatchString(r.Label), ".label", "is %q; write the label that says whose a series is, such as namespace", r.Label)
	wrong(r.Pattern != "" && r.Map != nil, ".map", "is set beside pattern; keep one of them")
	wrong(r.By != "" && r.By != byName && r.By != byHost, ".by", "is %q; write name or host", r.By)
	if r.Pattern != "" {
		pattern, err := whole(r.Pattern)
		wrong(err != nil, ".pattern", "is not a regular expression: %v", err)
		wrong(err == nil && pattern.SubexpIndex(tenantIs) < 0, ".pattern", "has no group named tenant; write (?P<tenant>…) around it")
	}
	return errors.Join(errs...)
}

// whole compiles a pattern of whole values.
func whole(pattern string) (*regexp.Regexp, error) { return regexp.Compile(`^(?:` + pattern + `)$`) }

// condition is a pattern that the whole value of a label must match; an absent label is "".
type condition struct {
	label   string
	pattern *regexp.Regexp
}

// patterns compiles conditions, sorted by label.
func patterns(where map[string]string) ([]condition, error) {
	var all []condition
	for _, label := range slices.Sorted(maps.Keys(where)) {
		pattern, err := whole(where[label])
		if err != nil {
			return nil, fmt.Errorf("%s: not a regular expression: %w", label, err)
		}
		all = append(all, condition{label, pattern})
	}
	return all, nil
}

// Takes says whether a series of this name may be taken: of a family that a selection names, or one
// of its buckets, sums and counts.
func (c Config) Takes(series string) bool {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		family, is := strings.CutSuffix(series, suffix)
		for _, s := range c.Families {
			for _, name := range s.Names {
				if fits, err := path.Match(name, family); is && err == nil && fits {
					return true
				}
			}
		}
	}
	return false
}

func wild(name string) bool { return strings.ContainsAny(name, `*?[\`) }
