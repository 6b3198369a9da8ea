package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
)

// Config is a configuration that was checked. Only Load and Parse make one.
type Config struct {
	Rounds    RoundsConfig
	Tiers     map[string]TierConfig
	Listed    []collectors.Tenant
	Discovery []Discovery
	Targets
	SQL        []sql.Config
	Objectives []slo.Objective
	Policies   slo.Policies // built-in ones and the operator's
	Exclusions []Exclusion
	Sources    []promsource.Config
	Changes    changes.Config
	Rehearsals RehearsalsConfig
	Ledger     LedgerConfig
	Tokens     map[string]promconfig.Secret // of those who may change something over HTTP, by name
	Alerting   Alerting
	Platform   string         // what reports call it
	Zone       *time.Location // in which reports' months and days begin
	Hash       string         // SHA-256 of the bytes of all files: equal hashes are equal configurations
}

// RoundsConfig is when visits are made.
type RoundsConfig struct {
	Interval, Timeout, Sweep time.Duration
	StaleAfter               int
}

// TierConfig is what was promised to the tenants of a tier.
type TierConfig struct{ RPO, RTO, RestoreRehearsal time.Duration }

// Exclusion is one that stands in a file.
type Exclusion struct {
	slo.Exclusion
	File string
}

// LedgerConfig is what is kept of the record.
type LedgerConfig struct{ Retention, Grace time.Duration }

// Discovery makes tenants of databases.
type Discovery struct {
	Postgres     string
	Pattern      *regexp.Regexp // has a group named tenant
	Tier, Region string
	Hosts        []string
	Labels       map[string]string
}

// Alerting is where alerts go; without URLs they are kept and shown only.
type Alerting struct {
	URLs                 []string
	Timeout, ResendDelay time.Duration
	Silences             bool
	Labels               map[string]string
	HTTP                 promconfig.HTTPClientConfig
}

// Load reads and checks a file. Its errors are Problems.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{{File: path, Text: "cannot be read: " + plainPathError(err) + "; --config.file names the configuration file"}}
	}
	return Parse(path, data)
}

// plainPathError is a file error without the file's name, which stands before it already.
func plainPathError(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Parse checks the bytes of a file; the path is for messages and for what the file refers to.
func Parse(path string, data []byte) (*Config, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, syntaxProblem(path, err)
	}
	if root.Kind == 0 {
		return nil, Problems{{File: path, Text: "is empty; it must name at least one target"}}
	}
	c := &checker{file: path}
	c.check(root.Content[0], reflect.TypeFor[File](), "")
	if err := c.problems.asError(); err != nil {
		return nil, err
	}
	var file File
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, syntaxProblem(path, err)
	}
	file.fillDefaults()
	v := &validator{file: &file, path: path, root: &root, config: &Config{}, read: sha256.New()}
	v.digest(path, data)
	v.validate()
	if err := v.problems.asError(); err != nil {
		return nil, err
	}
	v.config.Hash = hex.EncodeToString(v.read.Sum(nil))
	return v.config, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

func syntaxProblem(path string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	problem := Problem{File: path, Text: text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		_, _ = fmt.Sscanf(m[1], "%d", &problem.Line)
		problem.Column, problem.Text = 1, m[2]
	}
	return Problems{problem}
}

// validator turns a File into a Config and notes what is wrong on the way.
type validator struct {
	file     *File
	path     string
	root     *yaml.Node
	config   *Config
	read     hash.Hash // of all files
	problems Problems
}

// digest adds a file to the hash.
func (v *validator) digest(file string, data []byte) {
	_, _ = fmt.Fprintf(v.read, "%s %d\n", filepath.Base(file), len(data)) // a hash takes everything
	_, _ = v.read.Write(data)
}

func (v *validator) fail(path, format string, args ...any) {
	line, column := place(v.root, path)
	v.problems = append(v.problems, Problem{v.path, line, column, path, fmt.Sprintf(format, args...)})
}

// failed says whether something is wrong with a setting already.
func (v *validator) failed(path string) bool {
	return slices.ContainsFunc(v.problems, func(p Problem) bool { return p.Path == path })
}

// failAll notes the errors of a part that a package owns, under the part's own path.
func (v *validator) failAll(prefix string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			v.failAll(prefix, e)
		}
		return
	}
	var field *collectors.FieldError
	var setting *promsource.FieldError
	switch {
	case errors.As(err, &field):
		v.fail(join(prefix, field.Path), "%s", field.Problem)
		return
	case errors.As(err, &setting):
		v.fail(join(prefix, setting.Path), "%s", setting.Problem)
		return
	}
	v.fail(prefix, "%s", err)
}
