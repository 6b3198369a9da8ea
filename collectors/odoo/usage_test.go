package odoo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

func TestUsage(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		w := seeded(t, series)
		w.exec(t, `UPDATE bus_presence SET last_poll = now() AT TIME ZONE 'utc' - CASE user_id WHEN 2 THEN interval '2 minutes' ELSE interval '20 seconds' END;
			UPDATE ir_attachment SET store_fname = NULL WHERE id = 1`)
		b := w.collect(t)
		require.Equal(t, 5.0, value(t, b, "odoo_bus_messages"))
		ago(t, 15*time.Second, value(t, b, "odoo_bus_oldest_timestamp_seconds"))
		require.Equal(t, 1.0, value(t, b, "odoo_users_present", "status", "online"))
		require.Equal(t, 1.0, value(t, b, "odoo_users_present", "status", "away"))
		require.Equal(t, 5.0, value(t, b, "odoo_users", "kind", "internal"))
		require.Equal(t, 1.0, value(t, b, "odoo_users", "kind", "portal"))
		require.Equal(t, 30.0, value(t, b, "odoo_attachments"))
		require.Equal(t, 464000.0, value(t, b, "odoo_attachments_size_bytes", "place", "filestore"))
		require.Equal(t, 1000.0, value(t, b, "odoo_attachments_size_bytes", "place", "database"))
	}
}

// Series 19 keeps presences in another table.
func TestPresenceOfSeries19(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, `ALTER TABLE bus_presence RENAME TO mail_presence; UPDATE mail_presence SET last_poll = now() AT TIME ZONE 'utc'; `+Grants(role))
	require.Equal(t, 2.0, value(t, w.collect(t), "odoo_users_present", "status", "online"))
}

func TestLoginsAreCountedOnce(t *testing.T) {
	w := seeded(t, seeds.Series18)
	began := time.Now()
	for i := range 4 {
		if i == 1 {
			w.exec(t, `INSERT INTO res_users_log (create_uid) VALUES (1), (2), (1)`)
		}
		b := w.collectAll(t, began.Add(time.Duration(i)*seldom*2/3))
		require.Equal(t, []float64{0, 0, 3, 3}[i], value(t, b, "odoo_logins_total"), "visit %d", i)
	}
}

// Sizes are added up in steps, and shown when all were seen.
func TestManyAttachments(t *testing.T) {
	w := seeded(t, seeds.Series18)
	w.exec(t, fmt.Sprintf(`INSERT INTO ir_attachment (name, type, file_size, store_fname) SELECT 'x', 'binary', 10, 'x' FROM generate_series(1, %d)`, 2*attachmentStep))
	began := time.Now()
	for i := range 4 {
		batch := w.collectAll(t, began.Add(time.Duration(i)*seldom))
		if i < 2 {
			absent(t, batch, "odoo_attachments")
			require.False(t, w.Unchanged(began.Add(time.Duration(i)*seldom)), "it goes on")
			continue
		}
		require.Equal(t, 20030.0, value(t, batch, "odoo_attachments"))
		require.Equal(t, 665000.0, value(t, batch, "odoo_attachments_size_bytes", "place", "filestore"))
	}
	w.exec(t, `DELETE FROM ir_attachment`)
	require.Zero(t, value(t, w.collectAll(t, began.Add(2*time.Hour+3*seldom)), "odoo_attachments"))
}
