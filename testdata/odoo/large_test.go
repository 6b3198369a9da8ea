package odoo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/odoo"
)

func TestEnlarge(t *testing.T) {
	for _, series := range []odoo.Series{odoo.Series17, odoo.Series18} {
		db := seed(t, series)
		require.NoError(t, odoo.Enlarge(t.Context(), cluster, db, odoo.Size{Jobs: 2000, Invoices: 600, Mails: 400}))
		for table, want := range map[string]string{"queue_job": "2061", "account_move": "640", "mail_mail": "600", "rest_log": "400"} {
			require.Equal(t, want, value(t, db, "SELECT count(*) FROM "+table), table)
		}
		require.Equal(t, "500", value(t, db, "SELECT count(*) FROM queue_job WHERE state = 'pending'"))
	}
}
