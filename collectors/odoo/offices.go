package odoo

// The tables of the offices: what waits in them, each with bounded work.

var invoicesGroup = worksGroup("invoices",
	[]string{
		"account_move.id", "account_move.state", "account_move.move_type", "account_move.journal_id", "account_move.date",
		"account_move.create_date", "account_journal.id", "account_journal.type",
	},
	[]string{"account_move.auto_post", "account_move.sending_data", "account_move.send_and_print_values", "account_move.write_date"},
	invoicesStatement)

// Drafts have an index by journal, so they are looked for in the sale journals. What waits to be
// sent has none, so the newest moves are looked at. The days of invoices are the user's, so that
// one day counts as late only when it is over everywhere.
const invoicesSQL = `
WITH drafts AS MATERIALIZED (
  SELECT m.move_type, m.create_date, m.date, {auto} AS auto
  FROM (SELECT id FROM public.account_journal WHERE type = 'sale' ORDER BY id LIMIT 50) j CROSS JOIN LATERAL (
    SELECT {columns} FROM public.account_move WHERE journal_id = j.id AND state = 'draft' LIMIT {ofState}) m LIMIT {ofState}
)
SELECT 'invoice_draft', count(*), extract(epoch FROM min(create_date))::float8
FROM drafts WHERE move_type IN ('out_invoice', 'out_refund')
UNION ALL
SELECT 'invoice_to_post', count(*), extract(epoch FROM min(date) + interval '1 day')::float8 FROM drafts WHERE auto AND date < {utc}::date - 1
UNION ALL
SELECT NULL, count(*), NULL FROM drafts`

const sendingSQL = `
UNION ALL
SELECT CASE WHEN failed THEN 'invoice_send_failed' ELSE 'invoice_to_send' END, count(since), extract(epoch FROM min(since))::float8 FROM (
  SELECT m.{sending} ? 'error' AS failed, coalesce({written}, m.create_date) AS since
  FROM (SELECT {columns} FROM public.account_move ORDER BY id DESC LIMIT {ofTable}) m WHERE m.{sending} IS NOT NULL
  UNION ALL SELECT true, NULL UNION ALL SELECT false, NULL
) waiting GROUP BY failed`

func invoicesStatement(s *schema) string {
	auto := "false"
	switch s.columns["account_move.auto_post"].kind {
	case "boolean":
		auto = "coalesce(m.auto_post, false)"
	case "character varying":
		auto = "m.auto_post <> 'no'"
	}
	columns := "id, move_type, create_date, date"
	for _, name := range []string{"auto_post", "write_date", "sending_data", "send_and_print_values"} {
		if s.has("account_move." + name) {
			columns += ", " + name
		}
	}
	if !s.has("account_move.auto_post") {
		auto = "false"
	}
	sql := fill(invoicesSQL, "{columns}", columns, "{auto}", auto)
	for _, name := range []string{"sending_data", "send_and_print_values"} {
		if s.has("account_move."+name) && s.columns["account_move."+name].kind == "jsonb" {
			return sql + fill(sendingSQL, "{columns}", columns,
				"{sending}", name, "{written}", s.column("m", "account_move.write_date", "timestamp"))
		}
	}
	return sql
}

var ordersGroup = worksGroup("orders",
	[]string{"sale_order.id", "sale_order.state", "sale_order.invoice_status", "sale_order.date_order"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, state, invoice_status, date_order FROM public.sale_order ORDER BY id DESC LIMIT {ofTable})
SELECT 'sale_to_invoice', count(*), extract(epoch FROM min(date_order))::float8 FROM newest WHERE invoice_status = 'to invoice' AND state IN ('sale', 'done')
UNION ALL SELECT NULL, count(*), NULL FROM newest`))

var ediGroup = worksGroup("edi",
	[]string{"account_edi_document.id", "account_edi_document.state", "account_edi_document.blocking_level", "account_edi_document.create_date"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, state, blocking_level, create_date FROM public.account_edi_document ORDER BY id DESC LIMIT {ofTable}),
waiting AS (SELECT coalesce(blocking_level = 'error', false) AS blocked, create_date FROM newest WHERE state IN ('to_send', 'to_cancel'))
SELECT 'edi_waiting', count(*), extract(epoch FROM min(create_date))::float8 FROM waiting WHERE NOT blocked
UNION ALL SELECT 'edi_blocked', count(*), extract(epoch FROM min(create_date))::float8 FROM waiting WHERE blocked
UNION ALL SELECT NULL, count(*), NULL FROM newest`))

var exchangesGroup = worksGroup("exchanges",
	[]string{"edi_exchange_record.id", "edi_exchange_record.edi_exchange_state", "edi_exchange_record.create_date"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, edi_exchange_state AS state, create_date FROM public.edi_exchange_record ORDER BY id DESC LIMIT {ofTable})
SELECT 'exchange_waiting', count(*), extract(epoch FROM min(create_date))::float8 FROM newest
WHERE state IN ('new', 'output_pending', 'input_pending', 'input_received')
UNION ALL SELECT 'exchange_failed', count(*), extract(epoch FROM min(create_date))::float8 FROM newest
WHERE state IN ('validate_error', 'output_error_on_send', 'output_sent_and_error', 'input_receive_error', 'input_processed_error')
UNION ALL SELECT NULL, count(*), NULL FROM newest`))

var reviewsGroup = worksGroup("reviews",
	[]string{"tier_review.id", "tier_review.status", "tier_review.create_date"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, status, create_date FROM public.tier_review ORDER BY id DESC LIMIT {ofTable})
SELECT 'tier_review', count(*), extract(epoch FROM min(create_date))::float8 FROM newest WHERE status = 'pending'
UNION ALL SELECT NULL, count(*), NULL FROM newest`))

var bookingsGroup = worksGroup("bookings",
	[]string{"resource_booking.state", "resource_booking.create_date"}, nil,
	fixed(`
WITH open AS MATERIALIZED (
  (SELECT state, create_date FROM public.resource_booking WHERE state = 'pending' LIMIT {ofState}) UNION ALL
  (SELECT state, create_date FROM public.resource_booking WHERE state = 'scheduled' LIMIT {ofState})
)
SELECT 'booking_requested', count(*), extract(epoch FROM min(create_date))::float8 FROM open WHERE state = 'pending'
UNION ALL SELECT 'booking_open', count(*), extract(epoch FROM min(create_date))::float8 FROM open WHERE state = 'scheduled'
UNION ALL SELECT NULL, count(*), NULL FROM open`))

// appointmentsGroup reads the appointments of the enterprise edition, which are events with a
// status.
var appointmentsGroup = worksGroup("appointments",
	[]string{"calendar_event.id", "calendar_event.create_date", "calendar_event.appointment_status"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, appointment_status AS status, create_date FROM public.calendar_event ORDER BY id DESC LIMIT {ofTable})
SELECT 'appointment_requested', count(*), extract(epoch FROM min(create_date))::float8 FROM newest WHERE status = 'request'
UNION ALL SELECT NULL, count(*), NULL FROM newest`))

var deliveriesGroup = worksGroup("deliveries",
	[]string{"stock_picking.state", "stock_picking.scheduled_date"}, nil,
	fixed(`
WITH open AS MATERIALIZED (
  (SELECT scheduled_date FROM public.stock_picking WHERE state = 'waiting' LIMIT {ofState}) UNION ALL
  (SELECT scheduled_date FROM public.stock_picking WHERE state = 'confirmed' LIMIT {ofState}) UNION ALL
  (SELECT scheduled_date FROM public.stock_picking WHERE state = 'assigned' LIMIT {ofState})
)
SELECT 'delivery_late', count(*), extract(epoch FROM min(scheduled_date))::float8 FROM open WHERE scheduled_date < {utc}
UNION ALL SELECT NULL, count(*), NULL FROM open`))

// fixed is a statement that is the same for every schema.
func fixed(sql string) func(*schema) string { return func(*schema) string { return sql } }
