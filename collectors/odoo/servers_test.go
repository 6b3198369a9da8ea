package odoo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

const fetching = `INSERT INTO fetchmail_server (name, server_type, active, state, date) VALUES
	('a', 'imap', true, 'done', now() AT TIME ZONE 'utc' - interval '5 minutes'), ('b', 'pop', true, 'done', now() AT TIME ZONE 'utc' - interval '3 hours'),
	('c', 'imap', true, 'done', NULL), ('d', 'imap', true, 'draft', NULL), ('e', 'imap', false, 'done', now() AT TIME ZONE 'utc' - interval '1 year')`

func TestMailIn(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		w := seeded(t, series)
		b := w.collect(t)
		require.Zero(t, value(t, b, "odoo_mail_in_servers"))
		absent(t, b, "odoo_mail_in_last_fetch_timestamp_seconds")
		w = seeded(t, series)
		w.exec(t, fetching)
		b = w.collect(t)
		require.Equal(t, 3.0, value(t, b, "odoo_mail_in_servers"))
		require.Equal(t, 1.0, value(t, b, "odoo_mail_in_servers_never_fetched"))
		ago(t, 3*time.Hour, value(t, b, "odoo_mail_in_last_fetch_timestamp_seconds"))
		require.Equal(t, "Incoming mail was last fetched 3 h 0 min ago on one of 3 mail servers.", text(b, "mail_not_fetched"))
	}
}

func TestMailServers(t *testing.T) {
	w := seeded(t, seeds.Series18)
	require.Equal(t, 1.0, value(t, w.collect(t), "odoo_mail_out_servers"))
	w = seeded(t, seeds.Series18)
	w.exec(t, `UPDATE ir_mail_server SET smtp_host = 'invalid'`)
	b := w.collect(t)
	require.Zero(t, value(t, b, "odoo_mail_out_servers"))
	require.Equal(t, []string{"no_mail_server"}, findings(b))
}

func TestBounces(t *testing.T) {
	b := seeded(t, seeds.Series18).collect(t)
	require.Equal(t, 2.0, value(t, b, "odoo_mail_notifications", "status", "bounce"))
	require.Zero(t, value(t, b, "odoo_mail_notifications", "status", "exception"))
}

// What is asked seldom stands in between, and grows old by the clock.
func TestSeldomAnswersStand(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, fetching+`; DELETE FROM fetchmail_server WHERE name IN ('b', 'c')`)
	began := time.Now()
	visit := func(after time.Duration) *collectors.Batch {
		return w.collectAll(t, began.Add(after))
	}
	first := value(t, visit(0), "odoo_mail_in_last_fetch_timestamp_seconds")
	w.exec(t, `UPDATE fetchmail_server SET date = now() AT TIME ZONE 'utc'`)
	require.Equal(t, first, value(t, visit(time.Minute), "odoo_mail_in_last_fetch_timestamp_seconds"))
	require.Greater(t, value(t, visit(seldom), "odoo_mail_in_last_fetch_timestamp_seconds"), first)
	w.config.Staging = StagingExclude
	w.exec(t, `INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')`)
	absent(t, visit(2*seldom), "odoo_mail_in_servers")
}
