package traefik

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/traefik/accesslog"
)

// Config describes one Traefik process.
type Config struct {
	Name    string                  `yaml:"name"`    // the target label of its series
	URL     string                  `yaml:"url"`     // of its metrics, such as http://127.0.0.1:8080/metrics; empty means that only the log is read
	API     string                  `yaml:"api"`     // such as http://127.0.0.1:8080/api; empty means that tenants are known by names only
	HTTP    config.HTTPClientConfig `yaml:"http"`    // TLS, tokens, basic auth, headers, for both
	Timeout model.Duration          `yaml:"timeout"` // of one answer
	Routers model.Duration          `yaml:"routers"` // between two looks at the API's routers
	// Names are patterns of whole names of routers and services, without @provider, with a group
	// named tenant. They are asked where no rule says whose a router is; the first counts that
	// names a known tenant.
	Names        []string         `yaml:"names"`
	Errors       Errors           `yaml:"errors"`
	Certificates Certificates     `yaml:"certificates"`
	MaxBytes     int64            `yaml:"max_bytes"` // of the page, decompressed; a larger one is refused
	AccessLog    accesslog.Config `yaml:"access_log"`
}

// Errors says when a tenant's errors of the last quarter of an hour are a finding.
type Errors struct {
	Share    float64 `yaml:"share"`    // of the requests that failed, at least
	Times    float64 `yaml:"times"`    // the tenant's usual share, at least
	Requests float64 `yaml:"requests"` // that failed, at least
}

// Certificates says when the end of one that is not looked at by its host name is a finding.
type Certificates struct {
	Warning  model.Duration `yaml:"warning"`  // a certificate that ends sooner
	Critical model.Duration `yaml:"critical"` // one that matters at once
}

// DefaultConfig names nothing; its limits fit a thousand tenants.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		HTTP:         config.DefaultHTTPClientConfig,
		Timeout:      model.Duration(5 * time.Second),
		Routers:      model.Duration(5 * time.Minute),
		Errors:       Errors{Share: 0.02, Times: 3, Requests: 20},
		Certificates: Certificates{Warning: model.Duration(14 * day), Critical: model.Duration(3 * day)},
		MaxBytes:     64 << 20,
		AccessLog:    accesslog.DefaultConfig(),
	}
}

// Format prints which target it is, whatever the verb asks for: URLs and headers can hold secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = fmt.Fprintf(w, "traefik target %s", c.Name) }

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(path, format, args...))
		}
	}
	wrong(c.Name == "" || strings.Contains(c.Name, "/"), "name", "give the target a name without slashes")
	wrong(c.URL == "" && c.AccessLog.Path == "", "url", "is missing, and so is access_log.path: nothing would be read")
	wrong(badURL(c.URL), "url", "must be http:// or https:// with a host and no credentials, such as http://127.0.0.1:8080/metrics")
	wrong(badURL(c.API), "api", "must be http:// or https:// with a host and no credentials, such as http://127.0.0.1:8080/api")
	for i, text := range c.Names {
		pattern, err := whole(text)
		wrong(err != nil, fmt.Sprintf("names[%d]", i), "is not a regular expression: %v", err)
		wrong(err == nil && pattern.SubexpIndex(tenantGroup) < 0, fmt.Sprintf("names[%d]", i), "has no group named tenant; write (?P<tenant>…) around it")
	}
	if err := c.HTTP.Validate(); err != nil {
		errs = append(errs, collectors.Invalid("http", "%v", err))
	}
	wrong(c.Timeout <= 0, "timeout", "must be positive")
	wrong(c.Routers < model.Duration(10*time.Second), "routers", "is %s; write at least 10s", c.Routers)
	wrong(c.Errors.Share <= 0 || c.Errors.Share > 1, "errors.share", "is %v; write a share above 0, such as 0.02", c.Errors.Share)
	wrong(c.Errors.Times < 1, "errors.times", "is %v; what is usual is 1", c.Errors.Times)
	wrong(c.Errors.Requests < 1, "errors.requests", "is %v; write at least 1", c.Errors.Requests)
	wrong(c.Certificates.Critical < 0 || c.Certificates.Warning < c.Certificates.Critical, "certificates.warning",
		"is %s; write at least as long as critical, which is %s", c.Certificates.Warning, c.Certificates.Critical)
	wrong(c.MaxBytes < 1, "max_bytes", "must be positive")
	return errors.Join(append(errs, within("access_log", c.AccessLog.Validate())...)...)
}

// within puts the paths of a part's faults below the part's own.
func within(part string, err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		all = joined.Unwrap()
	}
	for i, one := range all {
		var field *collectors.FieldError
		if errors.As(one, &field) {
			all[i] = collectors.Invalid(part+"."+field.Path, "%s", field.Problem)
		}
	}
	return all
}

func badURL(text string) bool {
	u, err := url.Parse(text)
	return text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil)
}

const tenantGroup = "tenant"

// whole compiles a pattern of whole names.
func whole(pattern string) (*regexp.Regexp, error) { return regexp.Compile(`^(?:` + pattern + `)$`) }
