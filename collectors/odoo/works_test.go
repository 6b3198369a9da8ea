package odoo

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

func TestBusinessBacklogs(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		t.Run(string(series), func(t *testing.T) {
			w := seeded(t, series, seeds.BusinessBacklog)
			sending := map[seeds.Series]string{seeds.Series17: "send_and_print_values", seeds.Series18: "sending_data"}[series]
			w.exec(t, fmt.Sprintf(`UPDATE account_move SET write_date = now() AT TIME ZONE 'utc' - interval '2 days',
				%s = CASE id %% 2 WHEN 0 THEN '{"error": true}'::jsonb ELSE '{}' END WHERE id <= 5`, sending))
			b := w.collect(t)
			require.Empty(t, unavailable(b))
			for name, want := range map[string]struct {
				n   float64
				age time.Duration
			}{
				"invoice_draft":         {5, 5 * day}, // three are in the seed
				"invoice_to_send":       {3, 2 * day},
				"invoice_send_failed":   {2, 2 * day},
				"sale_to_invoice":       {2, 8 * day},
				"edi_waiting":           {3, 8 * day},
				"edi_blocked":           {1, 2 * day},
				"exchange_waiting":      {1, 3 * day},
				"exchange_failed":       {1, 3 * day},
				"purchase_approval":     {2, 6 * day},
				"tier_review":           {1, 4 * day},
				"booking_requested":     {2, 2 * day},
				"booking_open":          {1, 2 * day},
				"appointment_requested": {1, 30 * time.Hour},
				"delivery_late":         {3, 2 * day},
			} {
				require.Equal(t, want.n, value(t, b, "odoo_backlog", "work", name), name)
				ago(t, want.age, value(t, b, "odoo_backlog_oldest_timestamp_seconds", "work", name))
			}
			for _, name := range []string{"invoice_to_post", "entry_to_post"} {
				require.Equal(t, 1.0, value(t, b, "odoo_backlog", "work", name))
				require.InDelta(t, float64(time.Now().UTC().Truncate(day).Add(-4*day).Unix()), value(t, b, "odoo_backlog_oldest_timestamp_seconds", "work", name), 1.5*day.Seconds())
			}
			require.Equal(t, "Deliveries are late: 3, the oldest for 2 d 0 h.", text(b, "delivery_late"))
			require.Len(t, b.Findings, len(works)-1, "open bookings are not reported")
		})
	}
}

// A window is full only where what it leaves out may wait, too.
func TestWindowsOfBacklogs(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	at := time.Now()
	full := func(group string, want float64) {
		t.Helper()
		at = at.Add(seldom)
		b := w.collectAll(t, at)
		require.Empty(t, unavailable(b))
		require.Equal(t, want, value(t, b, "odoo_window_full", "indicator", group))
	}
	orders := `INSERT INTO sale_order (company_id, name, state, invoice_status, date_order) SELECT 1, 'S', 'sale', 'invoiced', '2026-01-01' FROM generate_series(1, %d);`
	full("orders", 0)
	w.exec(t, fmt.Sprintf(orders, mostOfTable-4))
	full("orders", 0) // one less than the window
	w.exec(t, fmt.Sprintf(orders, 1))
	full("orders", 1) // the oldest of all wait
	w.exec(t, fmt.Sprintf(orders, 3))
	full("orders", 0)
	waits := `UPDATE sale_order SET invoice_status = 'to invoice' WHERE id = (SELECT min(id) + %d FROM (SELECT id FROM sale_order ORDER BY id DESC LIMIT 1000) s)`
	w.exec(t, fmt.Sprintf(waits, 101))
	full("orders", 0)
	w.exec(t, fmt.Sprintf(waits, 99))
	full("orders", 1)

	bookings := `INSERT INTO resource_booking (state, create_date) SELECT 'scheduled', '2026-01-01' FROM generate_series(1, %d);`
	w.exec(t, fmt.Sprintf(bookings, mostOfState-2))
	full("bookings", 0) // more than that in two states, one of them open since the seed
	w.exec(t, fmt.Sprintf(bookings, 1))
	full("bookings", 1)

	drafts := `INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id)
		SELECT '/', j.id, 1, 'draft', 'entry', 'no', '2026-01-01', 1 FROM account_journal j, generate_series(1, %d) WHERE j.type = 'general';`
	w.exec(t, fmt.Sprintf(drafts, mostOfState-2))
	full("entries", 0) // there is one since the seed
	w.exec(t, fmt.Sprintf(drafts, 1))
	full("entries", 1)
	full("invoices", 0) // which many other drafts do not hide
}

// Bills and entries are posted by the same task as invoices.
func TestEntriesThatShouldHaveBeenPosted(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	w.exec(t, `INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id)
		SELECT '/', j.id, 1, 'draft', CASE j.type WHEN 'purchase' THEN 'in_invoice' ELSE 'entry' END, p, current_date + d, 1
		FROM account_journal j, unnest(ARRAY['no', 'at_date']) p, unnest(ARRAY[-9, 9]) d WHERE j.type <> 'sale'`)
	b := w.collect(t)
	require.Equal(t, 1.0, value(t, b, "odoo_backlog", "work", "invoice_to_post"), "in the sales journal")
	require.Equal(t, 3.0, value(t, b, "odoo_backlog", "work", "entry_to_post"), "one was there before")
	require.InDelta(t, float64(time.Now().UTC().Truncate(day).Add(-8*day).Unix()), value(t, b, "odoo_backlog_oldest_timestamp_seconds", "work", "entry_to_post"), day.Seconds())
	require.Equal(t, 5.0, value(t, b, "odoo_backlog", "work", "invoice_draft"), "customers' alone")
}

func TestLimitsOfBacklogsAreSet(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	w.config.Backlogs = map[string]model.Duration{"tier_review": 0, "booking_open": model.Duration(time.Hour), "delivery_late": model.Duration(3 * day)}
	names := findings(w.collect(t))
	require.Contains(t, names, "booking_open")
	require.NotContains(t, names, "tier_review")
	require.NotContains(t, names, "delivery_late")
}

// Each kind is there only where its tables are.
func TestBacklogsOfAbsentAddons(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	w.exec(t, `DROP TABLE account_move, sale_order, account_edi_document, edi_exchange_record, purchase_order, tier_review, resource_booking, stock_picking, rest_log;
		ALTER TABLE calendar_event DROP COLUMN appointment_status`)
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	absent(t, b, "odoo_backlog")
	absent(t, b, "odoo_partner_api_calls_total")
}

// Series 15 has a truth for auto_post and no column for sending.
func TestInvoicesOfSeries15(t *testing.T) {
	w := seeded(t, seeds.Series17, seeds.BusinessBacklog)
	w.exec(t, `ALTER TABLE account_move ALTER auto_post TYPE bool USING auto_post <> 'no', DROP COLUMN send_and_print_values; `+Grants(role))
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 1.0, value(t, b, "odoo_backlog", "work", "invoice_to_post"))
	require.Equal(t, 5.0, value(t, b, "odoo_backlog", "work", "invoice_draft"))
}

// A purchase that was submitted later than it was made waits since then.
func TestPurchaseWaitsSinceItWasSubmitted(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	w.exec(t, `WITH m AS (INSERT INTO mail_message (message_type, model, res_id, date)
			SELECT 'notification', 'purchase.order', id, now() AT TIME ZONE 'utc' - interval '10 hours' FROM purchase_order RETURNING id)
		INSERT INTO mail_tracking_value (field_id, mail_message_id, new_value_char) SELECT f.id, m.id, 'To Approve' FROM m, ir_model_fields f WHERE f.name = 'state'`)
	b := w.collect(t)
	ago(t, 10*time.Hour, value(t, b, "odoo_backlog_oldest_timestamp_seconds", "work", "purchase_approval"))
	require.Empty(t, text(b, "purchase_approval"))
}

func TestApprovalsAreTimed(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	began := time.Now()
	for i := range 4 {
		if i == 1 {
			w.exec(t, `UPDATE purchase_order SET state = 'purchase', date_approve = clock_timestamp() AT TIME ZONE 'utc' + interval '1 second' WHERE id = 1`)
		}
		batch := w.collectAll(t, began.Add(time.Duration(i)*seldom))
		want := float64(min(i, 1))
		require.Equal(t, want, bucket(t, batch, "odoo_purchase_approval_seconds", "345600.0"), "it took three days")
		require.Zero(t, bucket(t, batch, "odoo_purchase_approval_seconds", "172800.0"))
	}
}

func TestReviewsAreTimed(t *testing.T) {
	w := seeded(t, seeds.Series18, seeds.BusinessBacklog)
	began := time.Now()
	for i := range 3 {
		if i == 1 {
			w.exec(t, `UPDATE tier_review SET status = 'rejected', reviewed_date = clock_timestamp() AT TIME ZONE 'utc' + interval '1 second' WHERE status = 'pending'`)
		}
		batch := w.collectAll(t, began.Add(time.Duration(i)*seldom))
		require.Equal(t, float64(min(i, 1)), bucket(t, batch, "odoo_tier_review_seconds", "604800.0"), "it took four days")
		require.Zero(t, bucket(t, batch, "odoo_tier_review_seconds", "172800.0"))
		require.Equal(t, float64(1-min(i, 1)), value(t, batch, "odoo_backlog", "work", "tier_review"))
	}
}

// The kind of an invoice had another name in series 13, and invoices a table of their own in 12.
func TestInvoicesOfOldSeries(t *testing.T) {
	w := seeded(t, seeds.Series17, seeds.BusinessBacklog)
	w.exec(t, `ALTER TABLE account_move RENAME move_type TO type; ALTER TABLE account_move DROP COLUMN send_and_print_values; `+Grants(role))
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 5.0, value(t, b, "odoo_backlog", "work", "invoice_draft"))
	w = seeded(t, seeds.Series17)
	w.exec(t, `ALTER TABLE account_move DROP COLUMN move_type; ALTER TABLE account_move DROP COLUMN send_and_print_values;
		CREATE TABLE account_invoice (id serial PRIMARY KEY, type varchar, state varchar, number varchar, create_date timestamp);
		INSERT INTO account_invoice (type, state, create_date) SELECT t, s, now() AT TIME ZONE 'utc' - interval '4 days'
			FROM unnest(ARRAY['out_invoice', 'in_invoice']) t, unnest(ARRAY['draft', 'open']) s; `+Grants(role))
	b = w.collect(t)
	require.Empty(t, unavailable(b))
	require.Equal(t, 1.0, value(t, b, "odoo_backlog", "work", "invoice_draft"))
	ago(t, 4*day, value(t, b, "odoo_backlog_oldest_timestamp_seconds", "work", "invoice_draft"))
	require.Equal(t, []string{"invoice_draft"}, findings(b))
}

// Upgrades may leave the tables and columns of earlier series behind, which do not count.
func TestInvoicesThatUpgradesLeftBehind(t *testing.T) {
	const left = `CREATE TABLE account_invoice (id serial PRIMARY KEY, type varchar, state varchar, create_date timestamp);
		INSERT INTO account_invoice (type, state, create_date) VALUES ('out_invoice', 'draft', now() AT TIME ZONE 'utc' - interval '9 days');
		UPDATE account_move SET create_date = now() AT TIME ZONE 'utc' - interval '9 days';`
	for name, sql := range map[string]string{
		"by 13": `ALTER TABLE account_move DROP COLUMN move_type; ALTER TABLE account_move ADD COLUMN type varchar DEFAULT 'entry';`,
		"by 14": `ALTER TABLE account_move ADD COLUMN type varchar DEFAULT 'out_invoice'; UPDATE account_move SET move_type = 'entry';`,
	} {
		t.Run(name, func(t *testing.T) {
			w := seeded(t, seeds.Series17)
			w.exec(t, left+sql+Grants(role))
			b := w.collect(t)
			require.Zero(t, value(t, b, "odoo_backlog", "work", "invoice_draft"))
			require.Empty(t, b.Findings)
		})
	}
}

// Series 12 keeps the day of an approval only.
func TestApprovalsByDay(t *testing.T) {
	w := seeded(t, seeds.Series17)
	w.exec(t, `ALTER TABLE purchase_order ALTER date_approve TYPE date; `+Grants(role))
	b := w.collect(t)
	require.Empty(t, unavailable(b))
	absent(t, b, "odoo_purchase_approval_seconds")
	require.Zero(t, value(t, b, "odoo_backlog", "work", "purchase_approval"))
}

func TestPartnerCalls(t *testing.T) {
	const calls = `INSERT INTO rest_log (collection, state, exec_time) SELECT 'clinic.services.%s', '%s', %f FROM generate_series(1, %d);`
	w := seeded(t, seeds.Series18)
	w.exec(t, fmt.Sprintf(calls, "old", "success", 1.0, 10))
	began := time.Now()
	absent(t, w.collectAll(t, began), "odoo_partner_api_calls_total")
	w.exec(t, fmt.Sprintf(calls, "lab", "success", 0.5, 3)+fmt.Sprintf(calls, "lab", "failed", 40.0, 2)+fmt.Sprintf(calls, seeds.Canary, "success", 0.01, 1))
	for i := range 3 {
		b := w.collectAll(t, began.Add(time.Duration(i+2)*seldom*2/3))
		require.Equal(t, 3.0, value(t, b, "odoo_partner_api_calls_total", "collection", "clinic.services.lab", "state", "success"))
		require.Equal(t, 2.0, value(t, b, "odoo_partner_api_calls_total", "collection", "clinic.services.lab", "state", "failed"))
		require.Equal(t, 1.0, value(t, b, "odoo_partner_api_calls_total", "collection", "other", "state", "success"))
		b.Each(func(name string) bool { return name == "odoo_partner_api_duration_seconds" }, seriesOfLab(t, map[string]float64{
			"0.25": 0, "0.5": 3, "30.0": 3, "+Inf": 5, "sum": 81.5,
		}))
	}
	w.exec(t, fmt.Sprintf(calls, "lab", "success", 0.5, mostCalls+5))
	b := w.collectAll(t, began.Add(5*seldom))
	require.Equal(t, 1.0, value(t, b, "odoo_window_full", "indicator", "partner_api"))
	require.Equal(t, float64(mostCalls+3), value(t, b, "odoo_partner_api_calls_total", "collection", "clinic.services.lab", "state", "success"))
	require.Equal(t, float64(mostCalls+3), value(t, w.collectAll(t, began.Add(6*seldom)), "odoo_partner_api_calls_total", "collection", "clinic.services.lab", "state", "success"))
}
