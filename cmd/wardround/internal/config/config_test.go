package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// good is a configuration that says something about everything.
const good = `
rounds: {interval: 60s, timeout: 10s, stale_after: 3}
tiers:
  shared:    {rpo: 24h, rto: 8h, restore_rehearsal: 90d}
  dedicated: {rpo: 1h,  rto: 2h, restore_rehearsal: 30d}
tenants:
  discover: [{postgres: main, databases: '^(?P<tenant>tenant_[a-z0-9_]+)$', tier: shared, hosts: ['{tenant}.example.test']}]
  list: [{name: north, tier: dedicated, region: eu-west, postgres: main, database: clinic_north, hosts: [north.example.test]}]
targets:
  postgres:
    - {name: main, dsn: 'postgres://wardround@127.0.0.1:5432/postgres'}
    - {name: main-standby, standby_of: main, dsn: 'postgres://wardround@127.0.0.1:5433/postgres'}
  redis: [{name: cache, address: '127.0.0.1:6379'}]
  odoo: [{name: web, url: 'http://127.0.0.1:8069'}]
  backups: [{name: repo, pgbackrest: {postgres: main, stanza: main, file: info.json}}]
  scrape: [{name: kubernetes, urls: ['http://127.0.0.1:8082/metrics'], rules: [kubernetes], http: {follow_redirects: false}}]
  probe: [{name: edge, probes: [{name: portal, steps: [{name: page, url: 'http://{host}/my'}]}]}]
sql: [{name: rooms, query: SELECT count(*) AS n FROM room, metrics: [{name: clinic_rooms, type: gauge, help: Rooms, value: n}]}]
alertmanager: {urls: ['http://127.0.0.1:9093']}
`

func TestGoodConfiguration(t *testing.T) {
	c, err := Parse("wardround.yaml", []byte(good))
	require.NoError(t, err)
	require.Equal(t, RoundsConfig{Interval: time.Minute, Timeout: 10 * time.Second, Sweep: time.Hour, StaleAfter: 3}, c.Rounds)
	require.Equal(t, 24*time.Hour, c.Tiers["shared"].RPO)
	require.Equal(t, 90*24*time.Hour, c.Tiers["shared"].RestoreRehearsal)
	require.Equal(t, "clinic_north", c.Listed[0].Database)
	require.True(t, c.Listed[0].Listed)
	require.Equal(t, "tenant_south", c.Discovery[0].Pattern.FindStringSubmatch("tenant_south")[c.Discovery[0].Pattern.SubexpIndex("tenant")])
	require.False(t, c.Discovery[0].Pattern.MatchString("xtenant_south"), "the pattern is for the whole name")
	require.Equal(t, 3, c.Postgres[0].Budget, "what is left out has its default")
	require.Equal(t, "info.json", c.Backups[0].PgBackRest.File, "paths begin where the file is")
	require.False(t, c.Scrape[0].HTTP.FollowRedirects, "what was set to no is not left out")
	require.True(t, c.Scrape[0].HTTP.EnableHTTP2)
	require.Equal(t, "2 postgres, 1 redis, 1 odoo, 1 probe, 1 backups, 1 scrape", c.Summary())
	require.NotEmpty(t, c.Objectives, "the catalogue is on by default")
	require.Equal(t, "UTC", c.Zone.String())
	require.Len(t, c.Hash, 64)
}

func TestCatalogueCanBeSwitchedOffAndExtended(t *testing.T) {
	dir := t.TempDir()
	objective := `
name: login
question: healthy
title: Logging in works
indicator: {events: {good: 'odoo_login_checks_total{outcome="ok"}', total: odoo_login_checks_total}}
targets: {default: 99%}
window: 28d
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(objective), 0o600))
	all, err := Parse("wardround.yaml", []byte(good))
	require.NoError(t, err)
	c, err := Parse(filepath.Join(dir, "wardround.yaml"), []byte(good+"objectives: {files: ['*ine.yaml'], disable: [login-fast]}\n"))
	require.NoError(t, err)
	require.Len(t, c.Objectives, len(all.Objectives)-1, "one replaced, one left out")
	for _, o := range c.Objectives {
		require.NotEqual(t, "login-fast", o.Name)
		if o.Name == "login" {
			require.Equal(t, "Logging in works", o.Title)
		}
	}
}

// bad is what can be wrong with a configuration: each case changes the good one.
var bad = []struct{ name, old, new string }{
	{"unknown key", "stale_after: 3}", "stale_afer: 3}"},
	{"unknown key in a target", "address: '127.0.0.1:6379'", "adress: '127.0.0.1:6379'"},
	{"bad duration", "interval: 60s", "interval: sixty"},
	{"duration without unit", "rpo: 24h", "rpo: 24"},
	{"round too short", "interval: 60s", "interval: 1s"},
	{"timeout longer than the interval", "timeout: 10s", "timeout: 2m"},
	{"duplicate tenant", "list: [", "list: [{name: north, tier: shared, postgres: main, database: other},"},
	{"duplicate database", "list: [", "list: [{name: other, tier: shared, postgres: main, database: clinic_north},"},
	{"tenant without a name", "name: north,", ""},
	{"unknown tier", "tier: dedicated", "tier: gold"},
	{"unknown target", "postgres: main, database: clinic_north", "postgres: mian, database: clinic_north"},
	{"tenant on a standby", "postgres: main, database: clinic_north", "postgres: main-standby, database: clinic_north"},
	{"bad pattern", "(?P<tenant>tenant_[a-z0-9_]+)", "(?P<tenant>tenant_[a-z0-9_+)"},
	{"pattern without the group", "(?P<tenant>tenant_[a-z0-9_]+)", "tenant_[a-z0-9_]+"},
	{"two targets of one name", "name: cache", "name: main"},
	{"unknown primary", "standby_of: main", "standby_of: mian"},
	{"secret in the wrong place", "http://127.0.0.1:9093", "http://user:hunter2@127.0.0.1:9093"},
	{"unreadable secret file", "name: cache,", "name: cache, password_file: none/such.txt,"},
	{"unreadable secret file of the Alertmanagers", "alertmanager: {", "alertmanager: {http: {basic_auth: {username: w, password_file: none/such.txt}}, "},
	{"unreadable secret file of a cluster", "name: main, dsn", "name: main, password_file: none/such.txt, dsn"},
	{"target without an address", "dsn: 'postgres://wardround@127.0.0.1:5432/postgres'", "budget: 3"},
	{"copy of a place that is not there", "{name: repo,", "{name: repo, copy_of: tapes, tiers: [gold],"},
	{"backup of an unknown server", "pgbackrest: {postgres: main", "pgbackrest: {postgres: mian"},
	{"page of a cluster that is no URL", "pgbackrest: {postgres: main, stanza: main, file: info.json}", "keep: 3, cnpg: {postgres: mian, page: {urls: ['odoo:9187/metrics'], where: {pod: '('}}}"},
	{"schedules of nobody", "pgbackrest: {postgres: main, stanza: main, file: info.json}", "velero: {page: {urls: ['http://u:hunter2@velero:8085/metrics']}, schedule: '*-{tenant}'}"},
	{"unreadable secret file in a step", "name: page,", "name: page, token_file: none/such.txt,"},
	{"query that writes", "query: SELECT count(*) AS n FROM room", "query: DELETE FROM room"},
	{"indicator of an unknown server", "{name: rooms,", "{name: rooms, targets: [mian],"},
	{"no such objective", "alertmanager:", "objectives: {disable: [logins]}\nalertmanager:"},
	{"no such file of objectives", "alertmanager:", "objectives: {files: ['none/*.yaml']}\nalertmanager:"},
	{"not yaml", "rounds: {", "rounds: {{"},
	{"key given twice", "rounds: {", "rounds: {stale_after: 2, "},
	{"list where a mapping belongs", "rounds: {interval: 60s, timeout: 10s, stale_after: 3}", "rounds: [60s]"},
	{"exclusion of two files", "alertmanager:", "objectives: {exclusions: ['testdata/sundays.yaml', 'testdata/sund*.yaml']}\nalertmanager:"},
	{"policy of two files", "alertmanager:", "objectives: {policies: [testdata/tickets.yaml, testdata/tick*.yaml]}\nalertmanager:"},
	{"objective of no source", "alertmanager:", "objectives: {files: [testdata/partner.yaml]}\nalertmanager:"},
	{"source without an address", "alertmanager:", "sources: [{name: fleet}, {name: fleet, url: 'http://127.0.0.1:9090'}]\nalertmanager:"},
	{"record that is too short", "alertmanager:", "ledger: {retention: 30d}\nalertmanager:"},
	{"tokens nobody may use", "alertmanager:", "api: {tokens: [{name: desk, token: hunter2}, {token: hunter2hunter2hunter2}, {name: file, token_file: none/such.txt}]}\nalertmanager:"},
	{"no such time zone", "alertmanager:", "report: {zone: Europe/Atlantis}\nalertmanager:"},
	{"several faults at once", "interval: 60s, timeout: 10s", "intervall: 60s, timeout: ten"},
}

func TestBadConfigurations(t *testing.T) {
	var out strings.Builder
	for _, b := range bad {
		require.Contains(t, good, b.old, b.name)
		text := strings.Replace(good, b.old, b.new, 1)
		_, err := Parse("wardround.yaml", []byte(text))
		require.Error(t, err, b.name)
		require.True(t, IsInvalid(err), b.name)
		require.NotContains(t, err.Error(), "hunter2", "secrets are never printed")
		out.WriteString("# " + b.name + "\n" + err.Error() + "\n")
	}
	golden(t, "errors.txt", out.String())
}

func TestEmptyAndMissingFiles(t *testing.T) {
	_, err := Parse("wardround.yaml", nil)
	require.EqualError(t, err, "wardround.yaml: is empty; it must name at least one target")
	_, err = Load("none.yaml")
	require.EqualError(t, err, "none.yaml: cannot be read: no such file or directory; --config.file names the configuration file")
	require.True(t, IsInvalid(err))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
