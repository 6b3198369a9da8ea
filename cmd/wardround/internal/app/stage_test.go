package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// interval is that of rounds in all tests: the shortest that the configuration allows.
const interval = 5 * time.Second

// patient is a tenant of a test and what is wrong with it.
type patient struct {
	name     string // the tenant is called STAGE_name, and so is its database
	series   seeds.Series
	troubles []seeds.Trouble
	listed   bool // by the configuration, in the tier dedicated; all others are discovered
	later    bool // the database is not made with the stage
}

// stage is a platform of its own for one test: tenants' databases and a role on the shared
// cluster, a stand-in for Odoo, and a configuration file. Addresses can be replaced by wires
// before start.
type stage struct {
	t        testing.TB
	name     string
	patients []patient
	role     string
	dir      string // of the configuration and, in data, the storage

	cluster, standby *platform.Postgres // where the databases are, and its copy

	primary, replica, redis, alertmanager string // host:port, as configured
	odoo                                  *seeds.Server
	odooURL                               string
	extra                                 string // YAML at the end of the configuration
	replaced                              []string
	hidden                                atomic.Value // database that Odoo cannot reach
}

func newStage(t testing.TB, name string, patients ...patient) *stage {
	t.Helper()
	return newStageOn(t, primary, replica, name, patients...)
}

// newStageOn is a stage on servers of its own.
func newStageOn(t testing.TB, cluster, standby *platform.Postgres, name string, patients ...patient) *stage {
	t.Helper()
	s := &stage{
		t: t, name: name, patients: patients, role: "watch_" + name, dir: t.TempDir(), cluster: cluster, standby: standby,
		primary: cluster.Addr(), replica: standby.Addr(), redis: cache.Addr(), alertmanager: alertmanager.Addr(),
	}
	s.makeRole(cluster)
	for _, p := range patients {
		if !p.later {
			s.admit(p)
		}
	}
	s.write("password", cluster.Password+"\n")
	s.standIn()
	s.replicate()
	return s
}

// granting is held while what all databases share is changed: PostgreSQL refuses to do that twice at once.
var granting sync.Mutex

func (s *stage) makeRole(cluster *platform.Postgres) {
	s.t.Helper()
	granting.Lock()
	defer granting.Unlock()
	grants, err := postgres.Grants(s.role)
	require.NoError(s.t, err)
	require.NoError(s.t, cluster.Exec(s.t.Context(), "", grants))
	require.NoError(s.t, cluster.Exec(s.t.Context(), "", fmt.Sprintf("ALTER ROLE %s LOGIN PASSWORD '%s'", s.role, cluster.Password)))
}

// replicate waits until the standby knows what the primary knows, the role's password above all.
func (s *stage) replicate() {
	s.t.Helper()
	written, err := s.cluster.Value(s.t.Context(), "", "SELECT pg_current_wal_lsn()")
	require.NoError(s.t, err)
	eventually(s.t, "the standby is there", func() bool {
		// Whoever connects while roles and databases are being replayed may be cancelled: he asks again.
		replayed, err := s.standby.Value(s.t.Context(), "", "SELECT pg_last_wal_replay_lsn() >= '"+written+"'")
		return err == nil && replayed == "true"
	})
}

// tenant is a patient's full name, which is its database's too.
func (s *stage) tenant(name string) string { return s.name + "_" + name }

// admit makes a patient's database and lets the role read it.
func (s *stage) admit(p patient) {
	s.t.Helper()
	database := s.tenant(p.name)
	require.NoError(s.t, seeds.Seed(s.t.Context(), s.cluster, database, p.series, p.troubles...))
	s.exec(p.name, "UPDATE ir_config_parameter SET value = 'http://"+database+".example.test' WHERE key = 'web.base.url'")
	s.exec(p.name, odoo.Grants(s.role))
	s.t.Cleanup(func() { s.discharge(context.WithoutCancel(s.t.Context()), p.name) })
}

// discharge drops a patient's database, from under whoever is connected to it.
func (s *stage) discharge(ctx context.Context, name string) {
	drop := fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", pgx.Identifier{s.tenant(name)}.Sanitize())
	require.NoError(s.t, s.cluster.Exec(ctx, "", drop))
}

// exec changes a patient's database as Odoo or an administrator would.
func (s *stage) exec(name, sql string) {
	s.t.Helper()
	require.NoError(s.t, s.cluster.Exec(s.t.Context(), s.tenant(name), sql))
}

// stir writes something, so that the next round has a reason to look.
func (s *stage) stir(name string) { s.exec(name, "UPDATE bus_presence SET status = status") }

func (s *stage) standIn() {
	s.t.Helper()
	o := seeds.ServerOptions{Note: seeds.Canary, Connect: func(ctx context.Context, database string) error {
		if database == s.hidden.Load() {
			return errors.New("hidden")
		}
		conn, err := s.cluster.Connect(ctx, seeds.Owner, database)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}}
	for _, p := range s.patients {
		name := s.tenant(p.name)
		o.Tenants = append(o.Tenants, seeds.Tenant{Database: name, Series: p.series, Hosts: []string{name + ".example.test"}})
	}
	var err error
	s.odoo, err = seeds.NewServer(o)
	require.NoError(s.t, err)
	ctx := s.t.Context()
	web := httptest.NewUnstartedServer(s.odoo)
	web.Config.BaseContext = func(net.Listener) context.Context { return ctx } // hung requests end with the test
	web.Start()
	s.t.Cleanup(web.Close)
	s.odooURL = web.URL
}

// hide lets Odoo not find a patient's database: visitors are sent to the database selector.
func (s *stage) hide(name string) { s.hidden.Store(s.tenant(name)) }

// wire puts a proxy in front of a server.
func (s *stage) wire(address *string) *platform.Wire {
	s.t.Helper()
	w := platform.Proxy(s.t, *address)
	*address = w.Addr()
	return w
}

func (s *stage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// configure writes the configuration as the stage stands now and returns the file's path.
func (s *stage) configure() string {
	s.t.Helper()
	return s.write("wardround.yaml", s.config())
}

func (s *stage) config() string {
	var list strings.Builder
	for _, p := range s.patients {
		if p.listed {
			fmt.Fprintf(&list, "\n    - {name: %[1]s, tier: dedicated, region: eu-west, postgres: %[2]s, hosts: [%[1]s.example.test]}",
				s.tenant(p.name), s.target("main"))
		}
	}
	text := strings.NewReplacer(
		"STAGE", s.name, "DIR", s.dir, "ROLE", s.role, "LIST", list.String(), "PRIMARY", s.primary, "REPLICA", s.replica,
		"REDIS", s.redis, "ODOO", s.odooURL, "ALERTMANAGER", s.alertmanager, "EXTRA", s.extra,
	).Replace(configuration)
	for i := 0; i < len(s.replaced); i += 2 { // in turn: a change may be changed
		text = strings.ReplaceAll(text, s.replaced[i], s.replaced[i+1])
	}
	return text
}

// replace changes the configuration's text from now on.
func (s *stage) replace(old, changed string) {
	s.t.Helper()
	require.Contains(s.t, s.config(), old)
	s.replaced = append(s.replaced, old, changed)
}

// asAnew makes the daemon ask databases for everything at once, also for what it asks seldom: they
// are judged by a setting that changed a little, n times so far.
func (s *stage) asAnew(d *daemon, n int) {
	s.t.Helper()
	const before = "      expected_base_version"
	if n == 1 {
		s.replace(before, "      mail: {delayed_after: 121m}\n"+before)
	} else {
		s.replace(fmt.Sprintf("delayed_after: %dm", 119+n), fmt.Sprintf("delayed_after: %dm", 120+n))
	}
	s.configure()
	require.NoError(s.t, d.Reload())
}

// unhurried lets each visit take as long as a busy machine may need, where no round is waited for.
func (s *stage) unhurried() {
	s.t.Helper()
	s.replace("interval: 5s, timeout: 4s", "interval: 60s, timeout: 50s")
}

// target is the full name of one of the configuration's targets.
func (s *stage) target(name string) string { return s.name + "-" + name }

const configuration = `
rounds: {interval: 5s, timeout: 4s, stale_after: 2}
tiers:
  shared: {rpo: 24h, rto: 8h, restore_rehearsal: 90d}
  dedicated: {rpo: 1h, rto: 2h, restore_rehearsal: 30d}
tenants:
  discover:
    - {postgres: STAGE-main, databases: '(?P<tenant>STAGE_[a-z0-9_]+)', tier: shared, region: eu-central, hosts: ['{tenant}.example.test']}
  list: LIST
targets:
  postgres:
    - {name: STAGE-main, dsn: 'postgres://ROLE@PRIMARY/postgres?sslmode=disable', password_file: DIR/password}
    - {name: STAGE-standby, standby_of: STAGE-main, dsn: 'postgres://ROLE@REPLICA/postgres?sslmode=disable', password_file: DIR/password}
  redis: [{name: STAGE-cache, address: 'REDIS'}]
  odoo:
    - name: STAGE-web
      url: ODOO
      jobs: {channels: {root: 4, root.invoice: 1}}
      expected_base_version: {"17.0": 17.0.1.3, "18.0": 18.0.1.3}
alertmanager: {urls: ['http://ALERTMANAGER'], resend_delay: 5s}
EXTRA
`

// client keeps no connections, so that tests leave no goroutines.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
