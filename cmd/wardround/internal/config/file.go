// Package config reads the one YAML file that says what Wardround watches and what was promised.
//
// The way of the data: bytes -> schema check (every fault with its place) -> one strict decode
// into File -> defaults for what was left out -> validation -> Config, a type of its own, so that
// nothing unvalidated can be used. Each collector owns the configuration of its targets; this
// package composes them and checks what they say of one another.
package config

import (
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/slo/promsource"
)

// File is the configuration as it is written.
type File struct {
	Rounds       Rounds              `yaml:"rounds"`
	Tiers        map[string]Tier     `yaml:"tiers"`
	Tenants      Tenants             `yaml:"tenants"`
	Targets      Targets             `yaml:"targets"`
	SQL          []sql.Config        `yaml:"sql"`
	Objectives   Objectives          `yaml:"objectives"`
	Sources      []promsource.Config `yaml:"sources"`
	Ledger       Ledger              `yaml:"ledger"`
	Changes      changes.Config      `yaml:"changes"`
	Rehearsals   Rehearsals          `yaml:"rehearsals"`
	API          API                 `yaml:"api"`
	Alertmanager Alertmanager        `yaml:"alertmanager"`
	Report       Report              `yaml:"report"`
}

// Rounds says how often everything is visited.
type Rounds struct {
	Interval   model.Duration `yaml:"interval"`    // between two visits of one target; 60s
	Timeout    model.Duration `yaml:"timeout"`     // of one visit; 10s
	StaleAfter int            `yaml:"stale_after"` // intervals that the last good values outlive failures; 3
	Sweep      model.Duration `yaml:"sweep"`       // how long an unchanged database may go unasked; 1h
}

// Tier is a class of service: what was promised to its tenants.
type Tier struct {
	RPO              model.Duration `yaml:"rpo"`               // how much work may be lost
	RTO              model.Duration `yaml:"rto"`               // how long a recovery may take
	RestoreRehearsal model.Duration `yaml:"restore_rehearsal"` // how often a restore must be rehearsed
}

// Tenants are found in two ways; a listed one overrides what was discovered.
type Tenants struct {
	Discover []Discover `yaml:"discover"`
	List     []Tenant   `yaml:"list"`
}

// Discover makes a tenant of each database of a cluster whose name fits.
type Discover struct {
	Postgres  string            `yaml:"postgres"`  // name of the PostgreSQL target
	Databases string            `yaml:"databases"` // regular expression for the whole name, with a group named tenant
	Tier      string            `yaml:"tier"`
	Region    string            `yaml:"region"`
	Hosts     []string          `yaml:"hosts"` // {tenant} and {database} are filled in
	Labels    map[string]string `yaml:"labels"`
}

// Tenant is one that is listed.
type Tenant struct {
	Name     string            `yaml:"name"`
	Tier     string            `yaml:"tier"`
	Region   string            `yaml:"region"`
	Postgres string            `yaml:"postgres"`
	Database string            `yaml:"database"` // the tenant's name, if left out
	Hosts    []string          `yaml:"hosts"`
	Labels   map[string]string `yaml:"labels"`
}

// Objectives are the promises beyond, or instead of, the built-in catalogue.
type Objectives struct {
	Files      []string `yaml:"files"`      // globs, relative to this file
	Policies   []string `yaml:"policies"`   // globs of alert policies beside the built-in ones
	Exclusions []string `yaml:"exclusions"` // globs of maintenance windows and corrections
	Disable    []string `yaml:"disable"`    // names of built-in objectives to leave out
}

// Ledger says what is kept of the record.
type Ledger struct {
	Retention model.Duration `yaml:"retention"` // how long single minutes are kept; 400d
	Grace     model.Duration `yaml:"grace"`     // how long after its end a calendar period stays open for late data; 24h
}

// API is who may change something over HTTP.
type API struct {
	Tokens []Token `yaml:"tokens"`
}

// Token lets one sender in.
type Token struct {
	Name      string            `yaml:"name"` // of the sender, for the audit
	Token     promconfig.Secret `yaml:"token"`
	TokenFile string            `yaml:"token_file"`
}

// Alertmanager is where alerts are sent: to all of them.
type Alertmanager struct {
	URLs        []string                    `yaml:"urls"`
	Timeout     model.Duration              `yaml:"timeout"`      // of one push; 10s
	ResendDelay model.Duration              `yaml:"resend_delay"` // after which a firing alert is told again; 1m
	Labels      map[string]string           `yaml:"labels"`       // on every alert, such as the platform's name; they tell daemons apart that share an Alertmanager
	Silences    bool                        `yaml:"silences"`     // exclusions in force become silences
	HTTP        promconfig.HTTPClientConfig `yaml:"http"`         // TLS, basic auth, tokens
}

// Report is what the monthly report needs to know beyond the record.
type Report struct {
	Platform string `yaml:"platform"` // what its title calls the platform
	Zone     string `yaml:"zone"`     // IANA time zone in which its days and months begin; UTC
}
