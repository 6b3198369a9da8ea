package odoo_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

const due = "SELECT count(*) FROM ir_cron WHERE active AND nextcall < now() AT TIME ZONE 'UTC'"

func TestHealthy(t *testing.T) {
	for _, series := range []odoo.Series{odoo.Series17, odoo.Series18} {
		t.Run(string(series), func(t *testing.T) {
			db := seed(t, series)
			for sql, want := range map[string]string{
				due: "0",
				"SELECT count(*) FROM ir_cron WHERE active":                                                  "22",
				"SELECT count(*) FROM ir_cron c JOIN ir_model_data d ON d.res_id = c.id AND model='ir.cron'": "23",
				"SELECT latest_version FROM ir_module_module WHERE name = 'base'":                            string(series) + ".0.1.3",
				"SELECT count(*) FROM queue_job WHERE state IN ('pending', 'enqueued', 'started')":           "0",
				"SELECT count(*) FROM mail_mail WHERE state = 'outgoing'":                                    "0",
				"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()":         odoo.Owner,
				"SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'queue_job'::regclass":           odoo.Owner,
			} {
				require.Equal(t, want, value(t, db, sql), sql)
			}
		})
	}
}

func TestTenantsHaveIdentitiesOfTheirOwn(t *testing.T) {
	const uuid = "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
	one, other := value(t, seed(t, odoo.Series18), uuid), value(t, seed(t, odoo.Series18), uuid)
	require.NotEqual(t, one, other)
}

func TestTroubles(t *testing.T) {
	for _, tc := range []struct {
		trouble odoo.Trouble
		sql     string
		want    string
	}{
		{odoo.OverdueCron, due, "1"},
		{odoo.FailingCron, "SELECT count(*) FROM ir_cron WHERE failure_count = 4 AND first_failure_date IS NOT NULL", "1"},
		{odoo.DeactivatedCron, "SELECT count(*) FROM ir_cron WHERE active", "21"},
		{odoo.StuckJob, "SELECT string_agg(s, ' ') FROM (SELECT state || count(*) s FROM queue_job WHERE channel = 'root.invoice' AND state <> 'done' GROUP BY state ORDER BY 1) x", "pending39 started1"},
		{odoo.MailBacklog, "SELECT string_agg(s, ' ') FROM (SELECT state || count(*) s FROM mail_mail WHERE state <> 'sent' GROUP BY state ORDER BY 1) x", "exception12 outgoing240"},
		{odoo.ToUpgrade, "SELECT count(*) FROM ir_module_module WHERE state = 'to upgrade'", "2"},
		{odoo.WrongBaseVersion, "SELECT latest_version FROM ir_module_module WHERE name = 'base'", "18.0.1.2"},
		{odoo.BusinessBacklog, "SELECT count(*) FROM resource_booking WHERE state = 'pending'", "2"},
		{odoo.Neutralized, "SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'", "true"},
	} {
		t.Run(string(tc.trouble), func(t *testing.T) {
			require.Equal(t, tc.want, value(t, seed(t, odoo.Series18, tc.trouble), tc.sql))
		})
	}
}

func TestSeries17LeavesNoTraceOfFailures(t *testing.T) {
	require.ErrorContains(t, odoo.Seed(t.Context(), cluster, "never", odoo.Series17, odoo.FailingCron), "no trace")
}

// The canary must be everywhere where a leak could begin.
func TestCanaries(t *testing.T) {
	for _, series := range []odoo.Series{odoo.Series17, odoo.Series18} {
		db := seed(t, series, odoo.BusinessBacklog, odoo.Canaries)
		for _, column := range []string{
			"ir_cron.cron_name", "queue_job.name", "queue_job.func_string", "queue_job.exc_info", "queue_job.exc_message",
			"queue_job.identity_key", "queue_job.args", "mail_message.subject", "mail_message.body", "mail_message.email_from",
			"mail_mail.email_to", "mail_mail.body_html", "mail_mail.failure_reason", "ir_config_parameter.value",
			"res_users.login", "res_users.password", "res_company.name", "ir_mail_server.smtp_host", "fetchmail_server.password",
			"ir_attachment.name", "ir_logging.message", "account_move.name", "calendar_event.name", "ir_act_server.name",
			"bus_bus.message", "ir_module_module.author",
			"rest_log.params", "rest_log.collection", "resource_booking.name", "tier_review.comment", "edi_exchange_record.exchange_error", "account_journal.name",
		} {
			table, name, _ := strings.Cut(column, ".")
			sql := fmt.Sprintf(`SELECT count(*) > 0 FROM %s WHERE "%s"::text LIKE '%%%s%%'`, table, name, odoo.Canary)
			require.Equal(t, "true", value(t, db, sql), column)
		}
	}
}

func TestGrantsOpenColumnsAndNothingElse(t *testing.T) {
	cluster := platform.PostgresForTest(t, platform.PostgresOptions{})
	once, each, err := odoo.GrantsSQL("wardround", cluster.Password)
	require.NoError(t, err)
	require.NoError(t, cluster.Exec(t.Context(), "", once))
	for _, series := range []odoo.Series{odoo.Series17, odoo.Series18} {
		db := "tenant_" + string(series)
		require.NoError(t, odoo.Seed(t.Context(), cluster, db, series))
		require.NoError(t, cluster.Exec(t.Context(), db, each))
		require.NoError(t, cluster.Exec(t.Context(), db, each), "twice")
		conn, err := cluster.Connect(t.Context(), "wardround", db)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		for _, sql := range []string{
			"SELECT id, nextcall FROM ir_cron", "SELECT state, channel FROM queue_job", "SELECT module, name FROM ir_model_data",
			"SELECT state, latest_version FROM ir_module_module", "SELECT wardround.param('database.uuid')",
		} {
			_, err := conn.Exec(t.Context(), sql)
			require.NoError(t, err, sql)
		}
		for _, sql := range []string{
			"SELECT * FROM queue_job", "SELECT exc_message FROM queue_job", "SELECT value FROM ir_config_parameter",
			"SELECT body_html FROM mail_mail", "SELECT login FROM res_users",
		} {
			_, err := conn.Exec(t.Context(), sql)
			require.ErrorContains(t, err, "42501", sql)
		}
	}
}

func seed(t *testing.T, series odoo.Series, troubles ...odoo.Trouble) string {
	t.Helper()
	name := "tenant_" + strings.ToLower(rand.Text()[:8])
	require.NoError(t, odoo.Seed(t.Context(), cluster, name, series, troubles...))
	return name
}

func value(t *testing.T, database, sql string) string {
	t.Helper()
	v, err := cluster.Value(t.Context(), database, sql)
	require.NoError(t, err)
	return v
}
