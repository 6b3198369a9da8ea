package odoo

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

var update = flag.Bool("update", false, "write the generated parts of documents anew")

// trap is something about Odoo that a monitor walks into which looks where one would look first.
type trap struct {
	says  string
	state string   // of the database, as the test makes it
	tells []string // series that tell, as name or name{label="value"}
	// spring looks at a tenant before and after the trap is sprung; of one look it shows all that
	// several visits brought.
	spring func(t *testing.T, look func(...*collectors.Batch))
}

var traps = []trap{
	{
		"Statuses of HTTP are blind to an outage: without its database Odoo sends visitors to a page that answers 200",
		"the tenant's database is renamed away",
		[]string{`odoo_login_success`, `odoo_login_checks_total{outcome="no_database"}`},
		noDatabase,
	},
	{
		"/web/health asks the database postgres, not the tenant's",
		"the tenant's database takes no connections; /web/health says pass",
		[]string{`odoo_login_success`},
		noConnections,
	},
	{
		"Scheduled tasks of a whole fleet die without a line of log (18)",
		"each task failed once",
		[]string{`odoo_crons_failing`, `odoo_crons_trouble_not_shown`},
		allFail,
	},
	{
		"A task that fails leaves no trace in the tables (17 and older)",
		"the log has a line, the tables have nothing",
		[]string{`odoo_crons_failing`, `odoo_log_cron_failures_total{cron_id="22"}`},
		failsUntraced,
	},
	{
		"A long task of one tenant holds up those of others",
		"a task of the neighbour runs, one of this tenant's is due for 20 minutes",
		[]string{`odoo_cron_oldest_overdue_timestamp_seconds`, `odoo_crons{state="overdue"}`, `odoo_crons{state="running"}`},
		neighbourRuns,
	},
	{
		"A release that stopped half-way stops all scheduled tasks",
		"two modules are to be upgraded",
		[]string{`odoo_crons_blocked`, `odoo_modules_pending{state="to_upgrade"}`},
		afflicted(seeds.ToUpgrade),
	},
	{
		"So does a module base of another version than the program, for ever",
		"base is one version behind",
		[]string{`odoo_crons_blocked`},
		afflicted(seeds.WrongBaseVersion),
	},
	{
		"A job whose worker died blocks its channel",
		"a job is started for five hours, 39 wait behind it",
		[]string{`odoo_job_channel_blocked{channel="root.invoice"}`, `odoo_jobs_stuck`, `odoo_jobs{channel="root.invoice",state="pending"}`},
		afflicted(seeds.StuckJob),
	},
	{
		"A tenant that was made while Odoo runs has no job runner",
		"the runner's connection is gone, a job waits for 20 minutes",
		[]string{`odoo_job_runner_present`, `odoo_job_oldest_runnable_timestamp_seconds`},
		noRunner,
	},
	{
		"A monitor that holds connections keeps Odoo from duplicating and dropping the database",
		"another role holds one; CREATE DATABASE from this one as a template fails",
		[]string{`odoo_database_foreign_connections`},
		held,
	},
	{
		"An administrator's login over another host overwrites the address that Odoo writes into mails",
		"web.base.url has another host; checks refuse to use an administrator",
		[]string{`odoo_base_url_foreign`, `odoo_session_checks_total{outcome="administrator"}`, `odoo_session_success`},
		overwritten,
	},
	{
		"Services of two series under one database role run each other's jobs",
		"of two databases of one owner, one is of series 17",
		[]string{`odoo_role_series{rolname="odoo"}`},
		sharedRole,
	},
}

// TestTraps springs each trap on a real server, and compares what the series say with the table of
// the document.
func TestTraps(t *testing.T) {
	var table strings.Builder
	table.WriteString("| trap | state | series | before | after |\n|---|---|---|---|---|\n")
	for _, trap := range traps {
		t.Run(trap.says, func(t *testing.T) {
			var looks []map[string]string
			trap.spring(t, func(batches ...*collectors.Batch) { looks = append(looks, shownIn(batches)) })
			require.Len(t, looks, 2)
			told := false
			for i, series := range trap.tells {
				before, after := looks[0][series], looks[1][series]
				told = told || before != after
				first := [2]string{}
				if i == 0 {
					first = [2]string{trap.says, trap.state}
				}
				fmt.Fprintf(&table, "| %s | %s | `%s` | %s | %s |\n", first[0], first[1], series, word(before), word(after))
			}
			require.True(t, told, "nothing tells")
		})
	}
	const file = "README.md"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(text), "<!-- traps -->\n")
	require.True(t, found)
	_, tail, found := strings.Cut(rest, "<!-- end -->")
	require.True(t, found)
	want := head + "<!-- traps -->\n" + table.String() + "<!-- end -->" + tail
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	require.Equal(t, want, string(text), "run the test with -update")
}

func word(value string) string {
	if value == "" {
		return "absent"
	}
	return value
}

// shownIn are the values of all series without the labels of who they are about; of moments, how
// long ago they were.
func shownIn(batches []*collectors.Batch) map[string]string {
	all := map[string]string{}
	for _, b := range batches {
		b.Each(func(string) bool { return true }, func(s collectors.Series) {
			value := fmt.Sprint(s.Value())
			if strings.HasSuffix(s.Name(), "_timestamp_seconds") && s.Value() > 0 {
				value = time.Since(time.Unix(int64(s.Value()), 0)).Round(time.Minute).String() + " ago"
			}
			all[s.Name()+withoutWho(s.Block())] = value
		})
	}
	return all
}

// withoutWho takes the target and the tenant out of a block of labels, and puts the rest in braces.
func withoutWho(block string) string {
	var kept []string
	for label := range strings.SplitSeq(strings.Trim(block, "{}"), ",") {
		if label != "" && !strings.HasPrefix(label, "target=") && !strings.HasPrefix(label, "tenant=") {
			kept = append(kept, label)
		}
	}
	if kept == nil {
		return ""
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// afflicted is a healthy tenant that gets a trouble.
func afflicted(trouble seeds.Trouble) func(*testing.T, func(...*collectors.Batch)) {
	return func(t *testing.T, look func(...*collectors.Batch)) {
		w := seeded(t, seeds.Series18)
		look(w.collect(t))
		require.NoError(t, seeds.Afflict(t.Context(), server, w.name, trouble))
		look(w.collect(t))
	}
}

// served is a tenant's database behind a stand-in that reaches for it as Odoo would, with the check
// of its login page and, where a user is given, of a session.
func served(t *testing.T, w *ward, user string) (login, session collectors.Visit, url string) {
	t.Helper()
	stand, err := seeds.NewServer(seeds.ServerOptions{
		Tenants: []seeds.Tenant{{Database: w.name, Series: seeds.Series18, Hosts: north.Hosts}},
		Connect: func(ctx context.Context, database string) error {
			conn, err := pgx.Connect(ctx, server.DSN(seeds.Owner, database))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	})
	require.NoError(t, err)
	web := httptest.NewServer(stand)
	t.Cleanup(web.Close)
	c := site(web.URL)
	if user != "" {
		c.Session.Login, c.Session.Password = user, promconfig.Secret(user)
	}
	target, err := New(c, Options{})
	require.NoError(t, err)
	t.Cleanup(target.Close)
	tenant := north
	tenant.Database = w.name
	visits := append(target.Visits([]collectors.Tenant{tenant}), collectors.Visit{})
	return visits[1], visits[2], web.URL
}

func noDatabase(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	login, _, _ := served(t, w, "")
	look(check(t, login))
	require.NoError(t, server.Exec(t.Context(), "", fmt.Sprintf("ALTER DATABASE %s RENAME TO %[1]s_away", w.name)))
	look(check(t, login))
	require.NoError(t, server.Exec(t.Context(), "", fmt.Sprintf("ALTER DATABASE %s_away RENAME TO %[1]s", w.name)))
}

func noConnections(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	login, _, url := served(t, w, "")
	look(check(t, login))
	require.NoError(t, server.Exec(t.Context(), "", fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", w.name)))
	look(check(t, login))
	answer, err := http.Get(url + "/web/health?db_server_status=1")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

func allFail(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	look(w.collect(t))
	w.exec(t, `UPDATE ir_cron SET failure_count = 1, first_failure_date = now() AT TIME ZONE 'utc' WHERE active`)
	look(w.collect(t))
}

func failsUntraced(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series17)
	c := site("")
	c.Log.Path = filepath.Join(t.TempDir(), "odoo.log")
	const started = "2026-11-21 19:37:53,936 19355 INFO None odoo: Odoo version 17.0\n"
	require.NoError(t, os.WriteFile(c.Log.Path, []byte(started), 0o600))
	service, err := New(c, Options{StateDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(service.Close)
	log := service.Visits([]collectors.Tenant{{Name: "north", Database: w.name}})[0]
	look(w.collect(t), check(t, log))
	line := "2026-11-21 19:38:53,936 19355 ERROR " + w.name +
		" odoo.addons.base.models.ir_cron: Call from cron HL7: pull lab results for server action #22 failed in Job #22\n"
	require.NoError(t, os.WriteFile(c.Log.Path, []byte(started+line), 0o600))
	w.exec(t, `UPDATE ir_cron SET lastcall = nextcall, nextcall = nextcall + interval '15 minutes' WHERE id = 22`)
	look(w.collect(t), check(t, log))
}

func neighbourRuns(t *testing.T, look func(...*collectors.Batch)) {
	w, neighbour := seeded(t, seeds.Series18), seeded(t, seeds.Series18)
	look(neighbour.collect(t), w.collect(t))
	const due = `UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'utc' - interval '20 minutes' WHERE cron_name = 'HL7: pull lab results'`
	neighbour.exec(t, due+`; INSERT INTO ir_cron_progress (cron_id, timed_out_counter, create_date)
		SELECT id, 1, now() AT TIME ZONE 'utc' - interval '20 minutes' FROM ir_cron WHERE cron_name = 'HL7: pull lab results'`)
	w.exec(t, due)
	neighbour.collect(t) // which finds a task due, and asks on the next visit whether it runs
	running := collectors.NewBuilder(collectors.Key{Collector: "odoo", Target: "main", Tenant: "neighbour"}, time.Now())
	running.Set(metricCrons, value(t, neighbour.collect(t), "odoo_crons", "state", "running"), "running")
	look(w.collect(t), running.Batch())
}

func noRunner(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	runner, err := server.Connect(t.Context(), seeds.Owner, w.name)
	require.NoError(t, err)
	_, err = runner.Exec(t.Context(), "LISTEN queue_job")
	require.NoError(t, err)
	look(w.collect(t))
	require.NoError(t, runner.Close(t.Context()))
	require.Eventually(t, func() bool { return w.connections(t) == "0" }, 10*time.Second, 10*time.Millisecond)
	w.exec(t, `INSERT INTO queue_job (uuid, state, channel, date_created) VALUES ('a', 'pending', 'root', now() AT TIME ZONE 'utc' - interval '20 minutes')`)
	look(w.collect(t))
}

// connections is how many there are to the tenant's database.
func (w *ward) connections(t *testing.T) string {
	t.Helper()
	n, err := server.Value(t.Context(), "", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'", w.name))
	require.NoError(t, err)
	return n
}

func held(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	duplicate := func() error {
		return server.Exec(t.Context(), "", fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %[1]s STRATEGY file_copy", w.name))
	}
	require.Eventually(t, func() bool { // who made the tenant has gone
		n, err := server.Value(t.Context(), "", "SELECT count(*) FROM pg_stat_activity WHERE datname = '"+w.name+"'")
		return err == nil && n == "0"
	}, time.Minute, 10*time.Millisecond)
	look(w.collect(t))
	require.NoError(t, duplicate(), "a visit leaves no connection")
	require.NoError(t, server.Exec(t.Context(), "", fmt.Sprintf("DROP DATABASE %s_copy", w.name)))
	other, err := server.Connect(t.Context(), "", w.name)
	require.NoError(t, err)
	defer other.Close(context.WithoutCancel(t.Context()))
	delete(w.kept, strangersGroup.name)
	look(w.collect(t))
	require.ErrorContains(t, duplicate(), "is being accessed by other users")
}

func overwritten(t *testing.T, look func(...*collectors.Batch)) {
	w := seeded(t, seeds.Series18)
	register(t, w.tenants, collectors.Tenant{Name: "north", Postgres: "main", Database: w.name, Hosts: north.Hosts})
	w.exec(t, `UPDATE ir_config_parameter SET value = 'https://North.example.test' WHERE key = 'web.base.url'`)
	_, asUser, _ := served(t, w, seeds.Monitor)
	_, asAdmin, _ := served(t, w, seeds.Admin)
	look(w.collect(t), check(t, asUser))
	w.exec(t, `UPDATE ir_config_parameter SET value = 'http://tenant_beta.example.test' WHERE key = 'web.base.url'`)
	look(w.collect(t), check(t, asAdmin))
}

func sharedRole(t *testing.T, look func(...*collectors.Batch)) {
	one, other := seeded(t, seeds.Series18), seeded(t, seeds.Series18)
	compared := func() *collectors.Batch {
		all, cluster := fleet(t, one, other)
		return check(t, all.FleetVisits([]FleetCluster{cluster})[0])
	}
	look(compared())
	other.exec(t, `UPDATE ir_module_module SET latest_version = '17.0.1.3' WHERE name = 'base'`)
	look(compared())
}
