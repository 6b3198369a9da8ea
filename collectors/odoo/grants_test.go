package odoo

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

func TestGrantsOpenWhatIsRead(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		t.Run(string(series), func(t *testing.T) {
			w := ungranted(t, series)
			lacks := missing(t, w)
			require.Contains(t, lacks, "ir_cron.nextcall")
			require.Contains(t, lacks, "function wardround.param(text)")
			for range 2 { // again does no harm
				w.exec(t, Grants(role))
				require.Nil(t, missing(t, w))
			}
			require.Empty(t, unavailable(w.collect(t)))
		})
	}
}

func TestGrantsOpenNothingElse(t *testing.T) {
	w := seeded(t, seeds.Series18)
	conn, err := pgconn.Connect(t.Context(), server.DSN(role, w.name))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, sql := range []string{
		"SELECT * FROM queue_job", "SELECT exc_message FROM queue_job", "SELECT cron_name FROM ir_cron",
		"SELECT value FROM ir_config_parameter", "SELECT body_html FROM mail_mail", "SELECT login FROM res_users",
		"UPDATE ir_cron SET active = true",
	} {
		_, err := conn.Exec(t.Context(), sql).ReadAll()
		require.ErrorContains(t, err, "42501", sql)
	}
	results, err := conn.Exec(t.Context(), "SELECT wardround.param('database.secret')").ReadAll()
	require.NoError(t, err)
	require.Nil(t, results[0].Rows[0][0])
}

func TestGrantsQuoteTheRole(t *testing.T) {
	w := ungranted(t, seeds.Series18)
	const odd = `the "ward's" role`
	require.NoError(t, server.CreateRole(t.Context(), odd, ""))
	w.exec(t, Grants(odd))
	w.exec(t, `DROP OWNED BY "the ""ward's"" role"; DROP ROLE "the ""ward's"" role"`)
}

func TestMissingMembership(t *testing.T) {
	w := seeded(t, seeds.Series18)
	require.NoError(t, server.CreateRole(t.Context(), "outsider", ""))
	conn, err := pgconn.Connect(t.Context(), server.DSN("outsider", w.name))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	lacks, err := Missing(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, "membership in pg_monitor", lacks[len(lacks)-1])
}

// A group that reads a column which it does not declare would work for whoever wrote it, and for
// nobody with the grants.
func TestGroupsDeclareColumnsOnce(t *testing.T) {
	names := map[string]bool{}
	for _, g := range groups() {
		require.False(t, names[g.name], "group %s is there twice", g.name)
		names[g.name] = true
		for _, column := range append(g.needs, g.wants...) {
			require.Equal(t, 1, strings.Count(column, "."), column)
		}
	}
}

func missing(t *testing.T, w *ward) []string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), server.DSN(role, w.name))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	lacks, err := Missing(t.Context(), conn)
	require.NoError(t, err)
	return lacks
}
