package postgres

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// sizesAt makes one visit of the walk at a time of its own.
func sizesAt(t testing.TB, c *Cluster, at time.Time) *collectors.Batch {
	t.Helper()
	b := collectors.NewBuilder(c.walk.visit().Key, at)
	require.NoError(t, c.walk.Collect(t.Context(), b))
	return b.Batch()
}

// measuredIn lists the databases that were measured at the given time.
func measuredIn(b *collectors.Batch, at time.Time) (names []string) {
	b.Each(func(f string) bool { return f == "pg_database_size_measured_timestamp_seconds" }, func(s collectors.Series) {
		if s.Value() == float64(at.UnixMilli())/1000 {
			names = append(names, s.Get("datname"))
		}
	})
	return names
}

func TestWalkMeasuresAFewAtATimeAndAllInTurn(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	want := []string{"postgres"}
	for i := range atATime + 4 {
		name := "clinic_" + strconv.Itoa(i)
		require.NoError(t, server.CreateDatabase(t.Context(), name, ""))
		want = append(want, name)
	}
	c := monitored(t, server, Options{Tenants: tenantsOf(t, map[string]string{"north": "clinic_3"})})
	visit := c.walk.visit()
	require.Equal(t, 10*time.Second, visit.Interval, "ten databases in ten seconds")
	require.Same(t, c.Budget(), visit.Budget)
	require.False(t, c.walk.Unchanged(t0), "nothing is known yet")

	first := sizesAt(t, c, t0)
	require.Len(t, measuredIn(first, t0), atATime)
	requireAbsent(t, first, "pg_tablespace_databases_size_bytes")
	later := t0.Add(10 * time.Second)
	second := sizesAt(t, c, later)
	require.Len(t, measuredIn(second, later), 5)
	all := append(measuredIn(second, t0), measuredIn(second, later)...)
	require.ElementsMatch(t, want, all, "each once")
	require.Equal(t, "0", ours(t, server, "state IS NOT NULL"), "no connection is held")

	exact, err := server.Value(t.Context(), "", "SELECT pg_database_size('clinic_3')")
	require.NoError(t, err)
	bytes, _ := value(second, "pg_database_size_bytes", "tenant", "north", "datname", "clinic_3")
	require.Equal(t, exact, strconv.FormatFloat(bytes, 'f', -1, 64))
	exact, err = server.Value(t.Context(), "", "SELECT sum(pg_database_size(oid)) FROM pg_database WHERE NOT datistemplate")
	require.NoError(t, err)
	sum, _ := value(second, "pg_tablespace_databases_size_bytes", "spcname", "pg_default")
	require.Equal(t, exact, strconv.FormatFloat(sum, 'f', -1, 64))

	collect(t, c) // the rounds tell what databases there are
	require.True(t, c.walk.Unchanged(later.Add(time.Minute)), "nothing is due")
	require.Empty(t, measuredIn(sizesAt(t, c, later.Add(time.Minute)), later.Add(time.Minute)))
	again := t0.Add(15*time.Minute + time.Second)
	require.False(t, c.walk.Unchanged(again))
	require.ElementsMatch(t, measuredIn(first, t0), measuredIn(sizesAt(t, c, again), again), "those first whose turn it is")

	require.NoError(t, server.Exec(t.Context(), "", "DROP DATABASE clinic_3"))
	require.NoError(t, server.Exec(t.Context(), "", "ALTER DATABASE clinic_4 RENAME TO clinic_four"))
	require.NoError(t, server.CreateDatabase(t.Context(), "clinic_new", ""))
	at := again.Add(11 * time.Second)
	b := sizesAt(t, c, at)
	require.Contains(t, measuredIn(b, at), "clinic_new", "what is new is measured first")
	_, there := value(b, "pg_database_size_bytes", "datname", "clinic_3")
	require.False(t, there)
	_, there = value(b, "pg_database_size_bytes", "datname", "clinic_four")
	require.True(t, there, "under another name it is the same")
}

func TestWhoseTurnItIs(t *testing.T) {
	c := clusterForTest(t, configFor(primary, "postgres"), Options{})
	c.walk.databases = map[uint32]*measured{
		1: {asked: t0.Add(2 * time.Minute)}, 2: {asked: t0.Add(time.Minute)}, 3: {asked: t0.Add(50 * time.Minute)}, 4: {}, 5: {asked: t0},
	}
	require.Equal(t, []uint32{4, 5, 2, 1}, c.walk.next(t0.Add(time.Hour)), "the longest not tried first, and none too soon")
}

// TestGrowthOfADatabase is a day of a database that grows, on a server that grows in seconds.
func TestGrowthOfADatabase(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	require.NoError(t, server.CreateDatabase(t.Context(), "clinic", ""))
	require.NoError(t, server.Exec(t.Context(), "clinic", "CREATE TABLE scans(x text); ALTER TABLE scans ALTER x SET STORAGE EXTERNAL"))
	config := configFor(server, roleForTest(t, server, "IN ROLE pg_monitor"))
	config.Sizes.CapacityBytes = map[string]int64{"pg_default": 200 * megabyte}
	config.Sizes.QuotasBytes = map[string]int64{"north": 60 * megabyte}
	c := clusterForTest(t, config, Options{Tenants: tenantsOf(t, map[string]string{"north": "clinic"})})
	at := t0
	b := sizesAt(t, c, at)
	requireAbsent(t, b, "pg_database_growth_bytes_per_second")
	requireAbsent(t, b, "pg_tablespace_time_to_full_seconds")
	for range 8 {
		require.NoError(t, server.Exec(t.Context(), "clinic", "INSERT INTO scans SELECT repeat('x', 8000) FROM generate_series(1, 200)"))
		at = at.Add(time.Hour)
		b = sizesAt(t, c, at)
	}
	rate, known := value(b, "pg_database_growth_bytes_per_second", "tenant", "north", "window", "1d")
	require.True(t, known)
	require.InEpsilon(t, 1.8*megabyte/3600, rate, 0.15)
	_, known = value(b, "pg_database_growth_bytes_per_second", "tenant", "north", "window", "7d")
	require.False(t, known)
	bytes, _ := value(b, "pg_database_size_bytes", "tenant", "north")
	requireValue(t, b, 60*megabyte, "pg_database_quota_bytes", "tenant", "north")
	left, _ := value(b, "pg_database_quota_time_to_full_seconds", "tenant", "north")
	require.InEpsilon(t, (60*megabyte-bytes)/rate, left, 1e-6)
	sum, _ := value(b, "pg_tablespace_databases_size_bytes", "spcname", "pg_default")
	requireValue(t, b, 200*megabyte-sum, "pg_tablespace_free_bytes", "spcname", "pg_default")
	full, _ := value(b, "pg_tablespace_time_to_full_seconds", "spcname", "pg_default")
	require.InEpsilon(t, (200*megabyte-sum)/rate, full, 0.05)
	filling, ok := finding(b, "tablespace_filling_up")
	require.True(t, ok)
	require.Regexp(t, `^tablespace pg_default has room for 1\d\d\.\d MB yet, which is enough for [34] days if its databases go on growing like this\.$`, filling.Text)
	require.Equal(t, collectors.Warning, filling.Severity)
	quota, ok := finding(b, "quota_filling_up")
	require.True(t, ok)
	require.Equal(t, "north", quota.Tenant)
	require.Regexp(t, `^database clinic has 2\d\.\d MB and reaches the 60\.0 MB that it is to have in \d+ hours, if it goes on growing like this\.$`, quota.Text)

	config.Sizes.QuotasBytes["north"] = 10 * megabyte
	config.Name = "renamed"
	renamed := clusterForTest(t, config, Options{Previous: c, Tenants: c.options.Tenants})
	renamed.config.Name = "main"
	b = sizesAt(t, renamed, at)
	requireValue(t, b, rate, "pg_database_growth_bytes_per_second", "tenant", "north", "window", "1d")
	exceeded, ok := finding(b, "quota_exceeded")
	require.True(t, ok)
	require.Regexp(t, `^database clinic has 2\d\.\d MB, and is to have 10\.0 MB at most\.$`, exceeded.Text)
	requireValue(t, b, 0, "pg_database_quota_time_to_full_seconds", "tenant", "north")
}

// TestRoomOfALocalServer is asked of the file system.
func TestRoomOfALocalServer(t *testing.T) {
	c := monitored(t, primary, Options{})
	b := sizesAt(t, c, t0)
	for len(measuredIn(b, t0)) == atATime {
		c.walk.databases = map[uint32]*measured{} // more databases of other tests than a visit measures
		b = sizesAt(t, c, t0)
	}
	free, known := value(b, "pg_tablespace_free_bytes", "spcname", "pg_default")
	require.True(t, known)
	capacity, _ := value(b, "pg_tablespace_capacity_bytes", "spcname", "pg_default")
	require.Less(t, free, capacity)
	require.Greater(t, free, 1e6)

	for dsn, want := range map[string]bool{
		"postgres://w@127.0.0.1:5432/postgres": true, "postgres://w@[::1]/postgres": true, "host=/run/postgresql user=w": true,
		"postgres://w@localhost/postgres": true, "postgres://w@10.0.0.7/postgres": false, "postgres://w@db.internal/postgres": false,
	} {
		require.Equal(t, want, Config{DSN: promconfig.Secret(dsn)}.local(), dsn)
	}
}

func TestSizesAreKeptOverARestart(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	dir := t.TempDir()
	options := Options{StateDir: dir, Tenants: tenantsOf(t, map[string]string{"north": clinic})}
	before := monitored(t, primary, options)
	until := t0
	for len(measuredIn(sizesAt(t, before, until), until)) == atATime {
		until = until.Add(time.Second)
	}
	before.walk.saved = time.Time{}
	b := sizesAt(t, before, until)
	bytes, known := value(b, "pg_database_size_bytes", "datname", clinic)
	require.True(t, known)
	at, _ := value(b, "pg_database_size_measured_timestamp_seconds", "datname", clinic)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "one file and no drafts")

	restarted := monitored(t, primary, options)
	b = sizesAt(t, restarted, until.Add(time.Minute))
	requireValue(t, b, bytes, "pg_database_size_bytes", "datname", clinic)
	requireValue(t, b, at, "pg_database_size_measured_timestamp_seconds", "datname", clinic)

	for name, text := range map[string]string{"cut short": `{"5": {"name": "pos`, "something else": `[1, 2]`, "from the future": `{"5": {"name": "postgres", "bytes": 7, "at": "2999-01-01T00:00:00Z"}}`, "null": `{"5": null}`} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, files[0].Name()), []byte(text), 0o600))
			require.Contains(t, measuredIn(sizesAt(t, monitored(t, primary, options), until), until), "postgres", "all is measured anew")
		})
	}
}

// TestOneDatabaseThatCannotBeMeasured leaves the others.
func TestOneDatabaseThatCannotBeMeasured(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	require.NoError(t, server.CreateDatabase(t.Context(), "closed", ""))
	require.NoError(t, server.Exec(t.Context(), "", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC"))
	c := clusterForTest(t, configFor(server, roleForTest(t, server, "")), Options{})
	b := sizesAt(t, c, t0)
	require.Equal(t, []string{"postgres"}, measuredIn(b, t0))
	requireValue(t, b, 1, "wardround_indicator_unavailable", "indicator", "database_size", "reason", "permission")
	requireAbsent(t, b, "pg_tablespace_databases_size_bytes")
}

func TestWalkGivesWayToTheServer(t *testing.T) {
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	c := monitored(t, server, Options{})
	sizesAt(t, c, t0)
	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := c.walk.Collect(ctx, collectors.NewBuilder(c.walk.visit().Key, t0.Add(time.Hour)))
	require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%v", err)
	require.Less(t, time.Since(began), 3*time.Second)
	require.NoError(t, server.Resume())
	at := t0.Add(2 * time.Hour)
	require.NotEmpty(t, measuredIn(sizesAt(t, c, at), at))

	c.config.Sizes.Pace = model.Duration(time.Nanosecond) // no time at all: one all the same
	require.NoError(t, server.CreateDatabase(t.Context(), "clinic", ""))
	at = at.Add(time.Hour)
	require.Len(t, measuredIn(sizesAt(t, c, at), at), 1)
}

func TestSizesConfig(t *testing.T) {
	config := configFor(primary, "postgres")
	require.NoError(t, config.Validate())
	config.Sizes = Sizes{
		QuotaBytes: -1, CapacityBytes: map[string]int64{"pg_default": 0}, QuotasBytes: map[string]int64{"north": -5},
	}
	config.TopStatements, config.Cores = 0, -1
	var paths []string
	for _, err := range config.Validate().(interface{ Unwrap() []error }).Unwrap() {
		var field *collectors.FieldError
		require.ErrorAs(t, err, &field)
		paths = append(paths, field.Path)
	}
	slices.Sort(paths)
	require.Equal(t, []string{
		"cores", "sizes.again", "sizes.capacity_bytes.pg_default", "sizes.pace", "sizes.quota_bytes", "sizes.quotas_bytes.north", "top_statements",
	}, paths)
	require.Equal(t, int64(7), Sizes{QuotaBytes: 7}.quota("south"))
	require.Equal(t, int64(9), Sizes{QuotaBytes: 7, QuotasBytes: map[string]int64{"north": 9}}.quota("north"))
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 60_000_000: "60.0 MB", 999_960_000: "1.0 GB", 2_500_000_000_000: "2.5 TB"} {
		require.Equal(t, want, bytesText(n))
	}
	require.Equal(t, "47 hours", daysText(47*time.Hour))
	require.Equal(t, "3 days", daysText(71*time.Hour))
}

func TestEverySizeMetricIsAnnounced(t *testing.T) {
	for _, m := range sizeMetrics() {
		require.Contains(t, Metrics(), m)
	}
}
