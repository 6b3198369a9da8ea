package pages

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/webpage"
)

// Config says where a tool's metrics are served: by its own pods, each on a page, or on one that
// gathers those of several, such as a Prometheus' /federate.
type Config struct {
	URLs  []string                `yaml:"urls"`  // of the pages; they are read as one
	HTTP  config.HTTPClientConfig `yaml:"http"`  // TLS, tokens, basic auth, headers
	Where map[string]string       `yaml:"where"` // label -> pattern of its whole value: only such series
}

// Format prints how many pages there are, whatever the verb asks for: URLs and headers can hold secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "%d pages", len(c.URLs)) }

// Validate says everything that is wrong, each with the path of the setting below the given one.
func (c Config) Validate(path string) error {
	errs := []error{webpage.Check(path+".urls", c.URLs)}
	if err := c.HTTP.Validate(); err != nil {
		errs = append(errs, collectors.Invalid(path+".http", "%v", err))
	}
	if _, err := compile(c.Where); err != nil {
		errs = append(errs, collectors.Invalid(path+".where", "%v", err))
	}
	return errors.Join(errs...)
}

// condition is a pattern that the whole value of a label must match; an absent label is "".
type condition struct {
	label   string
	pattern *regexp.Regexp
}

func compile(where map[string]string) ([]condition, error) {
	var all []condition
	for _, label := range slices.Sorted(maps.Keys(where)) {
		pattern, err := regexp.Compile(`^(?:` + where[label] + `)$`)
		if err != nil {
			return nil, fmt.Errorf("%s: is no regular expression: %w", label, err)
		}
		all = append(all, condition{label, pattern})
	}
	return all, nil
}
