package config

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
)

func (v *validator) validate() {
	v.rounds()
	v.tiers()
	v.targets()
	v.sql()
	v.discovery()
	v.listed()
	v.sources()
	v.objectives()
	v.ledger()
	v.changes()
	v.tokens()
	v.alerting()
	v.report()
	v.rehearsals()
}

func (v *validator) rounds() {
	r := v.file.Rounds
	v.config.Rounds = RoundsConfig{
		Interval: time.Duration(r.Interval), Timeout: time.Duration(r.Timeout),
		Sweep: time.Duration(r.Sweep), StaleAfter: r.StaleAfter,
	}
	if time.Duration(r.Interval) < 5*time.Second {
		v.fail("rounds.interval", "%s is too short; visits cost the visited something: at least 5s", r.Interval)
	}
	if r.Timeout > r.Interval {
		v.fail("rounds.timeout", "%s is longer than the interval of %s; a visit must end before the next is due", r.Timeout, r.Interval)
	}
	if r.StaleAfter < 1 {
		v.fail("rounds.stale_after", "must be at least 1 interval")
	}
}

func (v *validator) tiers() {
	v.config.Tiers = make(map[string]TierConfig, len(v.file.Tiers))
	for name, t := range v.file.Tiers {
		v.config.Tiers[name] = TierConfig{time.Duration(t.RPO), time.Duration(t.RTO), time.Duration(t.RestoreRehearsal)}
	}
}

func (v *validator) tier(path, name string) {
	if _, known := v.file.Tiers[name]; !known {
		v.fail(path, "there is no tier %q; add it under tiers, or use one of: %s", name, names(v.file.Tiers))
	}
}

// sql checks each of the operator's indicators on its own; between them, see sql.New.
func (v *validator) sql() {
	for i, indicator := range v.file.SQL {
		path := fmt.Sprintf("sql[%d]", i)
		v.failAll(path, indicator.Validate())
		for j, target := range indicator.Targets {
			v.cluster(fmt.Sprintf("%s.targets[%d]", path, j), target)
		}
	}
	v.config.SQL = v.file.SQL
}

func (v *validator) fromHere(file *string) {
	if *file != "" && !filepath.IsAbs(*file) {
		*file = filepath.Join(filepath.Dir(v.path), *file)
	}
}

func (v *validator) readable(path, file string) {
	if file == "" || v.failed(path) {
		return
	}
	if _, err := os.ReadFile(file); err != nil {
		v.fail(path, "cannot be read: %s; correct the path, which is relative to this file, or its permissions", err)
	}
}

func (v *validator) primaries() []string {
	var all []string
	for _, p := range v.file.Targets.Postgres {
		if p.StandbyOf == "" {
			all = append(all, p.Name)
		}
	}
	return all
}

func (v *validator) isPrimary(name string) bool { return slices.Contains(v.primaries(), name) }

func (v *validator) cluster(path, name string) {
	if !v.isPrimary(name) {
		v.fail(path, "there is no primary PostgreSQL target %q; known: %s", name, strings.Join(v.primaries(), ", "))
	}
}

func (v *validator) discovery() {
	for i, d := range v.file.Tenants.Discover {
		path := fmt.Sprintf("tenants.discover[%d]", i)
		v.cluster(path+".postgres", d.Postgres)
		v.tier(path+".tier", d.Tier)
		pattern, err := regexp.Compile("^(?:" + d.Databases + ")$")
		switch {
		case d.Databases == "":
			v.fail(path+".databases", "give a regular expression with a group named tenant, such as '^(?P<tenant>tenant_[a-z0-9_]+)$'")
			continue
		case err != nil:
			v.fail(path+".databases", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			continue
		case pattern.SubexpIndex("tenant") < 0:
			v.fail(path+".databases", "has no group named tenant; write (?P<tenant>…) around the part that names the tenant")
			continue
		}
		v.config.Discovery = append(v.config.Discovery, Discovery{
			Postgres: d.Postgres, Pattern: pattern, Tier: d.Tier, Region: d.Region, Hosts: d.Hosts, Labels: d.Labels,
		})
	}
}

var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func (v *validator) listed() {
	byName, byDatabase, byHost := map[string]string{}, map[string]string{}, map[string]string{}
	for i, t := range v.file.Tenants.List {
		path := fmt.Sprintf("tenants.list[%d]", i)
		if !tenantName.MatchString(t.Name) {
			v.fail(path+".name", "%q cannot name a tenant; use letters, digits, '_', '-' and '.'", t.Name)
		}
		v.cluster(path+".postgres", t.Postgres)
		v.tier(path+".tier", t.Tier)
		v.once(byName, path+".name", t.Name, "is a tenant already")
		v.once(byDatabase, path+".database", t.Postgres+"/"+t.Database, "belongs to a tenant already")
		for j, host := range t.Hosts {
			v.once(byHost, fmt.Sprintf("%s.hosts[%d]", path, j), strings.ToLower(host), "belongs to a tenant already")
		}
		v.config.Listed = append(v.config.Listed, collectors.Tenant{
			Name: t.Name, Tier: t.Tier, Region: t.Region, Labels: t.Labels,
			Postgres: t.Postgres, Database: t.Database, Hosts: t.Hosts, Listed: true,
		})
	}
	if len(v.file.Tenants.List)+len(v.file.Tenants.Discover) == 0 && len(v.file.Targets.Odoo) > 0 {
		v.fail("tenants", "list tenants, or let them be discovered: without any there is nothing to check on the Odoo targets")
	}
}

func (v *validator) once(seen map[string]string, path, value, what string) {
	if other, taken := seen[value]; taken {
		v.fail(path, "%q %s, at %s; remove one", value, what, other)
		return
	}
	seen[value] = path
}

// ownLabels are those that alerts have of their own.
var ownLabels = []string{"alertname", "objective", "tenant", "target", "cluster", "scope", "severity", "question", "owner", "tier", "long_window"}

func (v *validator) alerting() {
	a := &v.file.Alertmanager
	a.HTTP.SetDirectory(filepath.Dir(v.path))
	if a.HTTP.BasicAuth != nil {
		v.readable("alertmanager.http.basic_auth.password_file", a.HTTP.BasicAuth.PasswordFile)
	}
	if a.HTTP.Authorization != nil {
		v.readable("alertmanager.http.authorization.credentials_file", a.HTTP.Authorization.CredentialsFile)
	}
	for i, raw := range a.URLs {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			v.fail(fmt.Sprintf("alertmanager.urls[%d]", i), "must be a URL such as http://127.0.0.1:9093")
		} else if u.User != nil {
			v.fail(fmt.Sprintf("alertmanager.urls[%d]", i), "must not hold a user or password; put them under alertmanager.http.basic_auth")
		}
	}
	for name := range a.Labels {
		if !model.LegacyValidation.IsValidLabelName(name) || slices.Contains(ownLabels, name) {
			v.fail("alertmanager.labels."+name, "cannot be a label of all alerts; use a name such as platform")
		}
	}
	v.config.Alerting = Alerting{
		URLs: a.URLs, Timeout: time.Duration(a.Timeout), ResendDelay: time.Duration(a.ResendDelay),
		Silences: a.Silences, Labels: a.Labels, HTTP: a.HTTP,
	}
}

// minRetention lets every window find the minutes that leave it, and exclusions reach all of it.
const minRetention = 370 * slo.Day

func (v *validator) ledger() {
	l := v.file.Ledger
	if time.Duration(l.Retention) < minRetention {
		v.fail("ledger.retention", "%s is too short: windows of a year need every minute of it; 370d at least", l.Retention)
	}
	v.config.Ledger = LedgerConfig{Retention: time.Duration(l.Retention), Grace: time.Duration(l.Grace)}
}

func (v *validator) changes() {
	secrets := v.files("changes", reflect.ValueOf(&v.file.Changes).Elem())
	v.failAll("changes", v.file.Changes.Validate())
	for _, s := range secrets {
		v.readable(s.path, s.file)
	}
	v.config.Changes = v.file.Changes
}

// minToken is how long a token must be not to be guessed.
const minToken = 16

func (v *validator) tokens() {
	v.config.Tokens = make(map[string]promconfig.Secret, len(v.file.API.Tokens))
	for i, t := range v.file.API.Tokens {
		path := fmt.Sprintf("api.tokens[%d]", i)
		token := string(t.Token)
		if t.TokenFile != "" {
			v.fromHere(&t.TokenFile)
			data, err := os.ReadFile(t.TokenFile)
			if err != nil {
				v.fail(path+".token_file", "cannot be read: %s; correct the path, which is relative to this file, or its permissions", err)
				continue
			}
			token = strings.TrimSpace(string(data))
		}
		switch {
		case t.Name == "":
			v.fail(path, "a token needs the name of its sender, for the audit")
		case v.config.Tokens[t.Name] != "":
			v.fail(path+".name", "there is a token of %q already; give each sender a name of its own", t.Name)
		case len(token) < minToken:
			v.fail(path, "the token is too short: %d characters at least; write it in token_file", minToken)
		case slices.Contains(slices.Collect(maps.Values(v.config.Tokens)), promconfig.Secret(token)):
			v.fail(path, "another sender has this token; the audit could not tell them apart")
		default:
			v.config.Tokens[t.Name] = promconfig.Secret(token)
		}
	}
}

func (v *validator) report() {
	zone, err := time.LoadLocation(v.file.Report.Zone)
	if err != nil {
		v.fail("report.zone", "%q is not a time zone; write an IANA name such as Europe/Berlin, or UTC", v.file.Report.Zone)
	}
	v.config.Platform, v.config.Zone = v.file.Report.Platform, zone
}

func names[T any](m map[string]T) string {
	if len(m) == 0 {
		return "(none yet)"
	}
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
