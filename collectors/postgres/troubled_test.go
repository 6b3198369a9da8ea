package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// bins are the folders of the versions of PostgreSQL that there are here.
func bins(t *testing.T) map[string]string {
	t.Helper()
	bin, err := platform.Postgres18BinDir()
	require.NoError(t, err)
	return map[string]string{"15": "", "18": bin}
}

// troubled is a primary with a standby on which everything goes on at once that a server can be had
// to do, as seen by targets that ask for postgres_exporter's names too.
type troubled struct {
	pair
	clinic string
}

// names print, by a pointer to them, as what they are by then.
type names []string

func (n *names) String() string { return strings.Join(*n, ", ") }

func troubledForTest(t *testing.T, bin string) troubled {
	t.Helper()
	s := troubled{clinic: "clinic", pair: pairForTest(t, platform.PostgresOptions{BinDir: bin, Settings: map[string]string{
		"wal_level": "logical", "max_prepared_transactions": "5", "max_slot_wal_keep_size": "1GB", "archive_mode": "on",
		"archive_command": "true", "allow_in_place_tablespaces": "on", "hot_standby_feedback": "on", "autovacuum": "off",
		"wal_receiver_status_interval": "1s",
	}}, func(c *Config) { c.Compat = true })}
	s.exec(t, "", "CREATE DATABASE clinic CONNECTION LIMIT 9")
	s.exec(t, "", "CREATE TABLESPACE fast LOCATION ''")
	s.exec(t, "", "CREATE ROLE limited LOGIN CONNECTION LIMIT 9")
	s.exec(t, "", "SELECT pg_create_physical_replication_slot('idle', true), pg_create_logical_replication_slot('feed', 'test_decoding')")
	s.exec(t, s.clinic, "CREATE TABLE visits AS SELECT g AS n FROM generate_series(1, 200000) g")
	s.exec(t, s.clinic, "DELETE FROM visits WHERE n % 2 = 0")
	s.exec(t, s.clinic, "SELECT pg_stat_reset()")
	s.exec(t, s.clinic, "BEGIN; CREATE TABLE left_behind(); PREPARE TRANSACTION 'left'")
	s.archived(t)
	return s
}

// archived has a WAL file archived, and from then on every attempt fail.
func (s troubled) archived(t *testing.T) {
	t.Helper()
	s.exec(t, "", "SELECT pg_switch_wal()")
	require.Eventually(t, func() bool { return s.value(t, s.primary, "SELECT archived_count > 0 FROM pg_stat_archiver") == "true" }, soon, tick)
	s.exec(t, "", "ALTER SYSTEM SET archive_command = 'false'")
	s.exec(t, "", "SELECT pg_reload_conf(), txid_current()")
	s.exec(t, "", "SELECT pg_switch_wal()")
}

// unslotted has the standby, once its slot knows its oldest snapshot, go on without a slot.
func (s troubled) unslotted(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return s.value(t, s.primary, "SELECT xmin IS NOT NULL FROM pg_replication_slots WHERE slot_name = 'replica'") == "true"
	}, soon, tick)
	require.NoError(t, s.standby.Exec(t.Context(), "", "ALTER SYSTEM SET primary_slot_name = ''"))
	require.NoError(t, s.standby.Exec(t.Context(), "", "SELECT pg_reload_conf()"))
}

func (s troubled) value(t *testing.T, server *platform.Postgres, sql string) string {
	t.Helper()
	value, err := server.Value(t.Context(), "", sql)
	require.NoError(t, err)
	return value
}

func (s troubled) exec(t *testing.T, database, sql string) {
	t.Helper()
	conn := s.open(t, s.primary, database)
	_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, sql)
	require.NoError(t, conn.Close(t.Context()))
}

// open makes a connection that ends with the test.
func (s troubled) open(t *testing.T, server *platform.Postgres, database string) *pgx.Conn {
	t.Helper()
	conn, err := server.Connect(t.Context(), "", database)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	return conn
}

// begin runs statements on a connection of their own, which stays open.
func (s troubled) begin(t *testing.T, server *platform.Postgres, database, sql string) {
	t.Helper()
	_, err := s.open(t, server, database).Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, sql)
}

// busy runs a statement after another that prepares for it; it goes on until the test ends.
func (s troubled) busy(t *testing.T, database, before, sql string) {
	t.Helper()
	conn := s.open(t, s.primary, database)
	_, err := conn.Exec(t.Context(), before, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, before)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol) // it is cut short
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// troubles brings everything about that lasts: temporary files, waits for locks, a vacuum, queries
// that the standby cancels, a standby that falls behind.
func (s troubled) troubles(t *testing.T) {
	t.Helper()
	s.begin(t, s.primary, s.clinic, `BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL work_mem = '64kB';
DECLARE sorted CURSOR FOR SELECT n FROM visits ORDER BY n DESC; FETCH 1 FROM sorted`)
	s.begin(t, s.primary, s.clinic, "BEGIN; CREATE TABLE held(); LOCK TABLE visits IN ROW EXCLUSIVE MODE")
	s.exec(t, s.clinic, "CREATE TABLE wanted()")
	s.begin(t, s.primary, s.clinic, "BEGIN; LOCK TABLE wanted")
	s.busy(t, s.clinic, "BEGIN", "LOCK TABLE wanted")
	s.busy(t, s.clinic, "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1", "VACUUM visits")
	s.begin(t, s.standby, "postgres", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM beats")
	s.unslotted(t)
}

// emitted are the names that rounds of both sides bring, once they bring all that are wanted.
func (s troubled) emitted(t *testing.T, wanted func(name string) bool) map[string]bool {
	t.Helper()
	seen, missing := map[string]bool{}, names{}
	require.Eventually(t, func() bool {
		for _, c := range []*Cluster{s.main, s.replica} {
			for _, f := range collect(t, c).Families {
				seen[f.Metric.Name] = true
			}
		}
		missing = nil
		for _, m := range roundMetrics() {
			if wanted(m.Name) && !seen[m.Name] {
				missing = append(missing, m.Name)
			}
		}
		return len(missing) == 0
	}, soon, 5*tick, "never emitted: %s", &missing)
	return seen
}
