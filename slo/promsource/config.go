package promsource

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// Config describes one Prometheus-compatible API.
type Config struct {
	Name    string                      `yaml:"name"`    // what objectives call it
	URL     string                      `yaml:"url"`     // where /api/v1/query is below
	HTTP    promconfig.HTTPClientConfig `yaml:"http"`    // TLS, basic auth, tokens; http_headers such as X-Scope-OrgID
	Timeout model.Duration              `yaml:"timeout"` // of one query
	// Delay is how late samples may arrive: a minute is read once it has been
	// over for so long.
	Delay model.Duration `yaml:"delay"`
	// Lookback is how long a sample covers the minutes after it: twice the
	// longest interval at which the source scrapes, so that one that jitters
	// leaves no minute out.
	Lookback model.Duration `yaml:"lookback"`
	// Gap is how long a series may be absent and what its counter did meanwhile
	// still counts, in the minute of its return. After a longer gap it begins
	// anew.
	Gap model.Duration `yaml:"gap"`
	// CatchUp is how far back missed minutes are caught up.
	CatchUp model.Duration `yaml:"catch_up"`
	// Chunk is the longest stretch that one query asks for; whole minutes.
	Chunk model.Duration `yaml:"chunk"`
	// MaxSeries and MaxSamples bound what is held of one chunk. A chunk with
	// more samples is read in smaller ones.
	MaxSeries  int `yaml:"max_series"`
	MaxSamples int `yaml:"max_samples"`
	// AcceptPartial records minutes of which the source says that it could not
	// ask all its stores. Otherwise they are asked for again until it could.
	AcceptPartial bool `yaml:"accept_partial"`
}

// DefaultConfig suits a Prometheus that scrapes each minute or oftener.
func DefaultConfig() Config {
	return Config{
		HTTP:       promconfig.DefaultHTTPClientConfig,
		Timeout:    model.Duration(30 * time.Second),
		Delay:      model.Duration(time.Minute),
		Lookback:   model.Duration(2 * time.Minute),
		Gap:        model.Duration(10 * time.Minute),
		CatchUp:    model.Duration(7 * 24 * time.Hour),
		Chunk:      model.Duration(time.Hour),
		MaxSeries:  100_000,
		MaxSamples: 1_000_000,
	}
}

// Lag is how late a minute is on record by design: it is due Delay after its end,
// and has a further minute to be read in; rounded up to whole minutes. Of a record
// that ends at m, the minutes from m.Add(-Lag) on are not expected yet.
func (c Config) Lag() time.Duration {
	late := time.Minute + time.Duration(c.Delay)
	if whole := late.Truncate(time.Minute); whole < late {
		return whole + time.Minute
	}
	return late
}

// Format prints which source it is and where, whatever the verb asks for: never
// a password or a header.
func (c Config) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "source %s at %s", c.Name, redacted(c.URL))
}

// FieldError says what is wrong with one setting and what to do about it.
type FieldError struct {
	Path    string // of the setting, as it stands in the file
	Problem string
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Problem }

// Validate says everything that is wrong, each as a FieldError, joined.
func (c Config) Validate() error {
	var errs []error
	fail := func(wrong bool, path, format string, args ...any) {
		if wrong {
			errs = append(errs, &FieldError{path, fmt.Sprintf(format, args...)})
		}
	}
	fail(c.Name == "", "name", "is missing; objectives name their source by it")
	if problem := wrongURL(c.URL); problem != "" {
		fail(true, "url", "%s", problem)
	}
	if err := c.HTTP.Validate(); err != nil {
		fail(true, "http", "%s", err)
	}
	fail(c.Timeout <= 0, "timeout", "is %s; a query needs some time", c.Timeout)
	fail(c.Delay < 0, "delay", "is %s; samples do not arrive before their time", c.Delay)
	fail(c.Lookback < model.Duration(time.Second), "lookback", "is %s; give twice the longest scrape interval", c.Lookback)
	fail(c.Gap < model.Duration(time.Minute), "gap", "is %s; at least 1m, so that a counter's growth between two minutes counts", c.Gap)
	fail(c.Gap < c.Lookback, "gap", "is %s and thus shorter than lookback, %s; a series that still covers minutes cannot begin anew", c.Gap, c.Lookback)
	fail(c.CatchUp < 0, "catch_up", "is %s; 0 catches nothing up", c.CatchUp)
	fail(c.Chunk < model.Duration(time.Minute) || time.Duration(c.Chunk)%time.Minute != 0, "chunk", "is %s; give whole minutes, at least 1m", c.Chunk)
	fail(c.MaxSeries < 1, "max_series", "is %d; at least 1", c.MaxSeries)
	fail(c.MaxSamples < 1000, "max_samples", "is %d; at least 1000", c.MaxSamples)
	return errors.Join(errs...)
}

func wrongURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "must be a URL such as http://127.0.0.1:9090"
	case u.User != nil:
		return "must not hold a user or password; put them under http.basic_auth"
	case u.RawQuery != "" || u.Fragment != "":
		return "must not hold a query or fragment; headers go under http.http_headers"
	}
	return ""
}

// redacted is a URL as it may be shown.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "<not a URL>"
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}
