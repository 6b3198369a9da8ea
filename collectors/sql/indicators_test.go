package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/testdata/platform"
)

var server *platform.Postgres

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{}, &server))
}

const schema = `
CREATE TABLE orders (id int, state text, partner text, secret text, amount numeric);
INSERT INTO orders VALUES (1,'open','CANARY Miller','CANARY',10.5),(2,'open','CANARY Smith','CANARY',4),(3,'done','CANARY','CANARY',1);
CREATE SEQUENCE counter;
CREATE FUNCTION strike() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN strike(); END $$;
`

// place is a cluster and a tenant's database in it, as the monitoring role sees them.
type stage struct {
	cluster  *postgres.Cluster
	tenants  *collectors.Registry
	database string
	role     string
}

func newStage(t *testing.T) stage {
	t.Helper()
	s := stage{tenants: collectors.NewRegistry(), role: fmt.Sprintf("ward_%x", time.Now().UnixNano())}
	s.database = server.DatabaseForTest(t, "")
	require.NoError(t, server.Exec(t.Context(), s.database, schema))
	require.NoError(t, server.CreateRole(t.Context(), s.role, "IN ROLE pg_monitor"))
	require.NoError(t, server.Exec(t.Context(), s.database, "GRANT SELECT (id, state, partner, amount) ON orders TO "+s.role+"; GRANT ALL ON counter TO "+s.role+"; GRANT INSERT, DELETE ON orders TO "+s.role))
	set, err := collectors.NewTenants([]collectors.Tenant{{Name: "north", Postgres: "main", Database: s.database}})
	require.NoError(t, err)
	s.tenants.Replace(set)
	s.cluster = s.at(t, server.Addr())
	return s
}

func (s stage) at(t *testing.T, address string) *postgres.Cluster {
	t.Helper()
	c := postgres.DefaultConfig()
	c.Name = "main"
	c.DSN = promconfig.Secret("postgres://" + s.role + "@" + address + "/postgres?sslmode=disable")
	c.Password = promconfig.Secret(server.Password)
	cluster, err := postgres.New(c, postgres.Options{Tenants: s.tenants})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

func (s stage) indicators(t *testing.T, configs ...Config) *Indicators {
	t.Helper()
	for _, c := range configs {
		require.NoError(t, c.Validate())
	}
	made, err := New(configs, Options{Tenants: s.tenants, Series: func(string) (string, bool) { return "18.0", true }})
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made
}

// asking is an indicator with one gauge without labels, read from column n.
func asking(query string) Config {
	c := DefaultConfig()
	c.Name, c.Query = "mine", query
	c.Metrics = []Metric{{Name: "clinic_orders", Type: "gauge", Help: "Orders", Value: "n"}}
	return c
}

func orders() Config {
	c := asking("SELECT state, count(*) AS n, sum(amount) AS total FROM orders GROUP BY state; -- CANARY comment\n;")
	c.Metrics[0].Labels = []Label{{Name: "state", Values: []string{"open", "done"}}}
	c.Metrics = append(c.Metrics, Metric{
		Name: "clinic_sales_total", Type: "counter", Help: "Money", Value: "total", Labels: []Label{{Name: "phase", Column: "state", Pattern: "[a-z]+"}},
	})
	c.Query = "SELECT state, count(*) AS n, sum(amount) AS total FROM orders WHERE partner <> 'CANARY-literal' GROUP BY state -- CANARY"
	return c
}

// text is one visit's page without target, and without how long things took.
func text(t *testing.T, v collectors.Visit) string {
	t.Helper()
	b := collectors.NewBuilder(v.Key, time.Now())
	require.NoError(t, v.Collector.Collect(t.Context(), b))
	var kept strings.Builder
	for line := range strings.Lines(string(collectortest.Text(b.Batch()))) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "duration") {
			kept.WriteString(strings.ReplaceAll(line, `target="main",`, ""))
		}
	}
	return kept.String()
}

func one(t *testing.T, s stage, i *Indicators) collectors.Visit {
	t.Helper()
	visits := i.Visits([]Cluster{s.cluster})
	require.Len(t, visits, 1)
	return visits[0]
}

func TestSuite(t *testing.T) {
	s := newStage(t)
	healthy := s.indicators(t, orders())
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, down.Close())
	at := func(address string) collectortest.Maker {
		return func(t *testing.T, _ *slog.Logger) collectors.Visit {
			v := s.indicators(t, orders()).Visits([]Cluster{s.at(t, address)})[0]
			v.Timeout = time.Second
			return v
		}
	}
	hanging := func(t *testing.T, log *slog.Logger) collectors.Visit {
		wire := platform.Proxy(t, server.Addr())
		wire.Hang()
		return at(wire.Addr())(t, log)
	}
	collectortest.Run(t, collectortest.Suite{
		Catalogue: append(Metrics(), healthy.Metrics()...),
		Canaries:  []string{"CANARY", "Miller", "Smith"},
		Want:      []string{"clinic_orders", "clinic_sales_total", "wardround_sql_duration_seconds"},
		New:       func(t *testing.T, _ *slog.Logger) collectors.Visit { return one(t, s, healthy) },
		Broken: map[string]collectortest.Broken{
			"down":    {New: at(down.Addr().String()), Reason: collectors.ReasonUnreachable},
			"hanging": {New: hanging, Reason: collectors.ReasonTimeout},
		},
	})
}

func TestRowsBecomeSamples(t *testing.T) {
	s := newStage(t)
	v := one(t, s, s.indicators(t, orders()))
	require.Equal(t, collectors.Key{Collector: "sql_5m", Target: "main", Tenant: "north"}, v.Key)
	require.Equal(t, `clinic_orders{tenant="north",state="done"} 1
clinic_orders{tenant="north",state="open"} 2
clinic_sales_total{tenant="north",phase="done"} 1
clinic_sales_total{tenant="north",phase="open"} 14.5
wardround_sql_rows{tenant="north",indicator="mine"} 2
`, text(t, v))
}

// TestOtherQueries shows what becomes of queries that are not what they should be, on a server
// whose role may do more than it ought to.
func TestOtherQueries(t *testing.T) {
	s := newStage(t)
	failed := func(reason collectors.Reason) string {
		return fmt.Sprintf(`wardround_indicator_unavailable{tenant="north",collector="sql_5m",indicator="mine",reason=%q} 1
wardround_sql_errors_total{tenant="north",indicator="mine",reason=%q} 1
`, string(reason), string(reason))
	}
	rows := func(n int, more string) string {
		return fmt.Sprintf("%swardround_sql_rows{tenant=\"north\",indicator=\"mine\"} %d\n", more, n)
	}
	skipped := func(why string, n int) string {
		return fmt.Sprintf("wardround_sql_skipped_values_total{tenant=\"north\",indicator=\"mine\",reason=%q} %d\n", why, n)
	}
	for name, tc := range map[string]struct{ query, want string }{
		"a truth value":       {"SELECT true AS n", rows(1, "clinic_orders{tenant=\"north\"} 1\n")},
		"unknown":             {"SELECT NULL::int AS n", rows(1, "")},
		"no rows":             {"SELECT 1 AS n WHERE false", rows(0, "")},
		"text":                {"SELECT 'CANARY' AS n", rows(1, "") + skipped(skipNumber, 1)},
		"not a number":        {"SELECT 'NaN'::float8 AS n", rows(1, "") + skipped(skipNumber, 1)},
		"endless":             {"SELECT 'Infinity'::float8 AS n", rows(1, "") + skipped(skipNumber, 1)},
		"two alike":           {"SELECT 1 AS n UNION ALL SELECT 2", rows(2, "clinic_orders{tenant=\"north\"} 1\n") + skipped(skipDuplicate, 1)},
		"it sleeps":           {"SELECT 1 AS n FROM pg_sleep(60)", failed(collectors.ReasonTimeout)},
		"a million rows":      {"SELECT generate_series(1, 1000000) AS n", failed(collectors.ReasonProtocol)},
		"a very long value":   {"SELECT 1 AS n, repeat('CANARY', 100000000) AS big", rows(1, "clinic_orders{tenant=\"north\"} 1\n")},
		"a long number":       {"SELECT repeat('1', 100000)::text AS n", rows(1, "") + skipped(skipNumber, 1)},
		"it writes":           {"WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1 AS n FROM gone", failed(collectors.ReasonProtocol)},
		"it writes otherwise": {"SELECT nextval('counter') AS n", failed(collectors.ReasonPermission)},
		"a function writes":   {"SELECT strike() AS n", failed(collectors.ReasonPermission)},
		"a function lies":     {"SELECT sneak() AS n", failed(collectors.ReasonPermission)},
		"it would be slower":  {"SELECT 1 AS n FROM (SELECT set_config('statement_timeout', '0', false)) s, pg_sleep(60)", failed(collectors.ReasonTimeout)},
		"a huge value":        {"SELECT repeat('1', 10000000) AS n", rows(1, "") + skipped(skipNumber, 1)},
		"it locks":            {"SELECT 1 AS n FROM orders FOR UPDATE", failed(collectors.ReasonPermission)},
		"it would be free":    {"SELECT set_config('transaction_read_only', 'off', false) AS n", failed(collectors.ReasonPermission)},
		"two statements":      {"SELECT 1 AS n; DELETE FROM orders", failed(collectors.ReasonProtocol)},
		"it breaks out":       {"SELECT 1 AS n) AS q; COMMIT; DELETE FROM orders; SELECT ('1'", failed(collectors.ReasonProtocol)},
		"not allowed":         {"SELECT 1 AS n FROM orders WHERE secret = 'CANARY'", failed(collectors.ReasonPermission)},
		"no such table":       {"SELECT 1 AS n FROM \"CANARY\"", failed(collectors.ReasonMissing)},
		"no such column":      {"SELECT 1 AS m", failed(collectors.ReasonMissing)},
		"a quoted value":      {"SELECT partner::int AS n FROM orders", failed(collectors.ReasonOther)},
		"a parameter":         {"SELECT $1::int AS n", failed(collectors.ReasonProtocol)},
	} {
		t.Run(name, func(t *testing.T) {
			c := asking(tc.query)
			c.Timeout = model.Duration(300 * time.Millisecond)
			after := asking("SELECT count(*) AS n FROM orders")
			after.Name, after.Metrics[0].Name = "after", "clinic_after"
			i := s.indicators(t, c, after)
			page := text(t, one(t, s, i))
			require.Contains(t, page, "clinic_after{tenant=\"north\"} 3\n", "the next one is asked all the same, and nothing was deleted")
			var mine strings.Builder
			for line := range strings.Lines(page) {
				if !strings.Contains(line, "after") {
					mine.WriteString(line)
				}
			}
			require.ElementsMatch(t, strings.SplitAfter(tc.want, "\n"), strings.SplitAfter(mine.String(), "\n"))
			require.NotContains(t, page, "CANARY")
		})
	}
}

// bare is a cluster whose connections have none of the settings that keep a server safe.
type bare struct{ *postgres.Cluster }

func (bare) Visit(ctx context.Context, database string, fn func(ctx context.Context, conn *pgconn.PgConn) error) error {
	conn, err := server.Connect(ctx, "postgres", database)
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, conn.PgConn()), conn.Close(ctx))
}

// TestSafeOnItsOwn shows that a query is held in check even over a connection of an administrator
// who may do anything.
func TestSafeOnItsOwn(t *testing.T) {
	s := newStage(t)
	for query, reason := range map[string]collectors.Reason{
		"SELECT nextval('counter') AS n":     collectors.ReasonPermission,
		"SELECT strike() AS n":               collectors.ReasonPermission,
		"SELECT sneak() AS n":                collectors.ReasonPermission,
		"SELECT 1 AS n FROM pg_sleep(60)":    collectors.ReasonTimeout,
		"SELECT 1 AS n) AS q; ABORT; SELECT": collectors.ReasonProtocol,
	} {
		c := asking(query)
		c.Timeout = model.Duration(200 * time.Millisecond)
		visits := s.indicators(t, c).Visits([]Cluster{bare{s.cluster}})
		require.Len(t, visits, 1)
		problems, err := s.indicators(t, c).Check(t.Context(), []Cluster{bare{s.cluster}})
		require.NoError(t, err)
		require.Equal(t, strings.Contains(query, "sneak") || strings.Contains(query, "ABORT"), len(problems) > 0, problems)
		kept, err := server.Value(t.Context(), s.database, "SELECT count(*)::text FROM orders")
		require.NoError(t, err)
		require.Equal(t, "3", kept, "to look at a query is not to run it")
		require.Contains(t, text(t, visits[0]), fmt.Sprintf("wardround_sql_errors_total{tenant=\"north\",indicator=\"mine\",reason=%q} 1", string(reason)), query)
	}
}

func TestLabelsAreAllowed(t *testing.T) {
	s := newStage(t)
	c := asking("SELECT n, CASE WHEN n = 1 THEN 'CANARY Miller' ELSE 'v' || n END AS v FROM generate_series(1, 40) n")
	c.Metrics[0].Labels = []Label{{Name: "v", Pattern: "v[0-9]+", Max: 10}}
	page := text(t, one(t, s, s.indicators(t, c)))
	require.Equal(t, 10, strings.Count(page, "clinic_orders{"))
	require.Contains(t, page, `reason="label"} 1`)
	require.Contains(t, page, `reason="distinct"} 29`)
	require.NotContains(t, page, "Miller")
}

func TestClusterRowsBelongToTenants(t *testing.T) {
	s := newStage(t)
	c := asking("SELECT datname AS db, 1 AS n FROM pg_database WHERE datname IN ('" + s.database + "', 'postgres')")
	c.Where, c.Owner = WhereCluster, "db"
	v := one(t, s, s.indicators(t, c))
	require.Equal(t, collectors.Key{Collector: "sql_5m", Target: "main"}, v.Key)
	page := text(t, v)
	require.Contains(t, page, "clinic_orders{target=\"main\"} 1\n")
	require.Contains(t, page, "clinic_orders{tenant=\"north\"} 1\n")
}

func TestPlanning(t *testing.T) {
	s := newStage(t)
	other := collectors.Tenant{Name: "south", Postgres: "main", Database: "south"}
	copied := collectors.Tenant{Name: "copy", Postgres: "main", Database: "copy", Staging: true}
	set, err := collectors.NewTenants(append(s.tenants.Current().All(), other, copied))
	require.NoError(t, err)
	s.tenants.Replace(set)
	each, hourly, north, eighteen, elsewhere := asking("SELECT 1 AS n"), asking("SELECT 1 AS n"), asking("SELECT 1 AS n"), asking("SELECT 1 AS n"), asking("SELECT 1 AS n")
	hourly.Interval = model.Duration(time.Hour)
	north.Tenants, eighteen.Series, elsewhere.Targets = "no.*", []string{"17.0"}, []string{"other"}
	configs := []Config{each, hourly, north, eighteen, elsewhere}
	for i := range configs {
		configs[i].Name = fmt.Sprintf("i%d", i)
		configs[i].Metrics = []Metric{{Name: fmt.Sprintf("m%d", i), Type: "gauge", Help: "x", Value: "n"}}
	}
	i := s.indicators(t, configs...)
	visits := i.Visits([]Cluster{s.cluster})
	var keys []string
	for _, v := range visits {
		keys = append(keys, v.Key.String())
		require.Same(t, s.cluster.Budget(), v.Budget)
	}
	require.ElementsMatch(t, []string{"sql_5m/main/north", "sql_1h/main/north", "sql_5m/main/south", "sql_1h/main/south"}, keys)
	page := text(t, visits[0])
	require.Contains(t, page, "m0{")
	require.Contains(t, page, "m2{", "its pattern matches north")
	require.NotContains(t, page, "m3", "the tenant is of another series")
	require.NotContains(t, page, "m4", "it is asked elsewhere")
	for n, again := range i.Visits([]Cluster{s.cluster}) {
		require.Same(t, visits[n].Collector, again.Collector, "what is asked again stays the same collector")
	}
}

func TestCheck(t *testing.T) {
	s := newStage(t)
	for name, tc := range map[string]struct{ query, want string }{
		"good":           {"SELECT count(*) AS n FROM orders", ""},
		"no such table":  {"SELECT 1 AS n FROM nowhere", `relation "nowhere" does not exist`},
		"not allowed":    {"SELECT count(secret) AS n FROM orders", "GRANT SELECT"},
		"a syntax error": {"SELECT 'CANARY' FROM FROM", "syntax error at character"},
		"no column":      {"SELECT 1 AS m", "0 columns called n"},
		"two columns":    {"SELECT 1 AS n, 2 AS n", "2 columns called n"},
		"a time":         {"SELECT now() AS n", "extract(epoch from"},
		"dear":           {"SELECT count(*) AS n FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b", "is dear"},
		"a parameter":    {"SELECT $1::int AS n", "parameters"},
		"it writes":      {"WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1 AS n", "the query would write, and only SELECT is allowed (SQLSTATE 0A000)"},
		"it is beyond":   {"SELECT other.public.orders.id AS n FROM orders", "SQLSTATE 0A000 at character"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := s.indicators(t, asking(tc.query)).Check(t.Context(), []Cluster{s.cluster})
			require.NoError(t, err)
			if tc.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].Text, tc.want)
			require.NotContains(t, problems[0].Text, "CANARY")
			require.Equal(t, Problem{"mine", "north", "main", problems[0].Text}, problems[0])
			kept, err := server.Value(t.Context(), s.database, "SELECT count(*)::text FROM orders")
			require.NoError(t, err)
			require.Equal(t, "3", kept, "nothing was run")
		})
	}
}

func TestCountsGoOnOverAReload(t *testing.T) {
	s := newStage(t)
	c := asking("SELECT 1 AS n FROM nowhere")
	first := s.indicators(t, c)
	text(t, one(t, s, first))
	second, err := New([]Config{c}, Options{Tenants: s.tenants, Previous: first})
	require.NoError(t, err)
	require.Contains(t, text(t, one(t, s, second)), "reason=\"missing\"} 2\n")
}
