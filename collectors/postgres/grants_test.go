package postgres

import (
	"os"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

func golden(t *testing.T, file, got string) {
	t.Helper()
	file = "testdata/" + file
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestGrants runs the SQL twice and then watches the cluster with the role that it made.
func TestGrants(t *testing.T) {
	t.Parallel()
	for _, unfit := range []string{"", "pg_monitor", "two\nlines", "$wardround$", strings.Repeat("x", 64)} {
		_, err := Grants(unfit)
		require.Error(t, err, "%q", unfit)
	}
	sql, err := Grants(`ward"round`)
	require.NoError(t, err)
	golden(t, "grants.sql", sql)
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	require.NoError(t, server.Exec(t.Context(), "", sql))
	require.NoError(t, server.Exec(t.Context(), "", sql), "again")
	require.NoError(t, server.Exec(t.Context(), "", `ALTER ROLE "ward""round" PASSWORD '`+server.Password+`'`))

	config := configFor(server, "x")
	config.DSN = promconfig.Secret(strings.Replace(string(config.DSN), "x@", "ward%22round@", 1))
	c := clusterForTest(t, config, Options{})
	requireAbsent(t, collect(t, c), "wardround_indicator_unavailable")
	problems, err := c.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, c.Visit(t.Context(), "postgres", exec("SELECT 1")))
}

// TestCheck runs what it advises, and finds nothing more to advise.
func TestCheck(t *testing.T) {
	clinic := primary.DatabaseForTest(t, "")
	require.NoError(t, primary.Exec(t.Context(), "", `REVOKE CONNECT ON DATABASE "`+clinic+`" FROM PUBLIC`))
	role := roleForTest(t, primary, "CONNECTION LIMIT 2")
	c := clusterForTest(t, configFor(primary, role), Options{Tenants: tenantsOf(t, map[string]string{"north": clinic})})
	problems, err := c.Check(t.Context())
	require.NoError(t, err)
	var texts []string
	for _, p := range problems {
		texts = append(texts, p.Text)
		require.NoError(t, primary.Exec(t.Context(), "", p.SQL))
	}
	require.Equal(t, []string{
		"role " + role + " does not see the sessions of others nor replication",
		"role " + role + " may have 2 connections, and the budget is 3",
		"tenant north: role " + role + " may not connect to database " + clinic,
	}, texts)
	problems, err = c.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, primary.Exec(t.Context(), "", `REVOKE CONNECT ON DATABASE "`+clinic+`" FROM "`+role+`"`))
}

func TestCheckOfTheWrongServer(t *testing.T) {
	config := configFor(primary, "postgres")
	config.Name, config.StandbyOf = "main-standby", "main"
	problems, err := clusterForTest(t, config, Options{}).Check(t.Context())
	require.NoError(t, err)
	require.Len(t, problems, 2)
	require.Contains(t, problems[0].Text, "is a superuser")
	require.Contains(t, problems[1].Text, "it is a primary, and configured as standby of main")
	config.Password = canary
	_, err = clusterForTest(t, config, Options{}).Check(t.Context())
	require.Error(t, err)
	require.NotContains(t, err.Error(), canary)
}
