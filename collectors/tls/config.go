package tls

import (
	"errors"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
)

// Config describes one place where tenants' host names are served.
type Config struct {
	Name        string         `yaml:"name"`        // the target label of its series
	Address     string         `yaml:"address"`     // host:port to connect to for every name, such as that of the proxy; empty means the name itself
	Port        int            `yaml:"port"`        // of the name itself, where address is empty
	CAFile      string         `yaml:"ca_file"`     // certificates of authorities that are trusted beside the system's; read again before each look
	Tenants     string         `yaml:"tenants"`     // pattern of the whole names of the tenants whose hosts are looked at; empty means all
	Hosts       []string       `yaml:"hosts"`       // further names, which belong to no tenant
	Interval    model.Duration `yaml:"interval"`    // between two looks at a host
	Retry       model.Duration `yaml:"retry"`       // after a look that went wrong; longer and longer while they do, up to a quarter of the interval
	Timeout     model.Duration `yaml:"timeout"`     // of one look
	Concurrency int            `yaml:"concurrency"` // looks at once
	Warning     model.Duration `yaml:"warning"`     // a certificate that ends sooner is a finding; less for one that is valid for a short time only
	Critical    model.Duration `yaml:"critical"`    // and one that matters at once
}

// DefaultConfig looks at each name itself, every hour.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Port: 443, Concurrency: 8,
		Interval: model.Duration(time.Hour), Retry: model.Duration(time.Minute), Timeout: model.Duration(5 * time.Second),
		Warning: model.Duration(14 * day), Critical: model.Duration(3 * day),
	}
}

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	wrong := func(is bool, path, format string, args ...any) {
		if is {
			errs = append(errs, collectors.Invalid(path, format, args...))
		}
	}
	wrong(c.Name == "" || strings.Contains(c.Name, "/"), "name", "give the target a name without slashes")
	if c.Address != "" {
		host, port, err := net.SplitHostPort(c.Address)
		wrong(err != nil || host == "" || port == "", "address", "%q is not host:port", c.Address)
	}
	wrong(c.Port < 1 || c.Port > 65535, "port", "is %d; write 1 to 65535", c.Port)
	_, err := regexp.Compile(c.Tenants)
	wrong(err != nil, "tenants", "is not a regular expression: %v", err)
	for _, host := range c.Hosts {
		wrong(!servable(host), "hosts", "%q is not a host name without port", host)
	}
	wrong(c.Concurrency < 1, "concurrency", "is %d; write at least 1", c.Concurrency)
	wrong(c.Timeout <= 0 || c.Timeout > model.Duration(time.Minute), "timeout", "is %s; write up to 1m", c.Timeout)
	wrong(c.Retry < model.Duration(10*time.Second), "retry", "is %s; write at least 10s", c.Retry)
	wrong(c.Interval < c.Retry, "interval", "is %s; write at least as long as retry, which is %s", c.Interval, c.Retry)
	wrong(c.Critical < 0 || c.Warning < c.Critical, "warning", "is %s; write at least as long as critical, which is %s", c.Warning, c.Critical)
	return errors.Join(errs...)
}

// servable says whether a name is one that can be asked for: no pattern, no port.
func servable(host string) bool { return host != "" && !strings.ContainsAny(host, "*:/ ") }
