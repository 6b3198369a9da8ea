package odoo

// The tables of the offices: what waits in them, each with bounded work.

// invoicesGroup reads the drafts of invoices, whose kind is in a column that was called type in series
// 13, from 14 on move_type.
func invoicesGroup(kind string) *group {
	g := worksGroup("invoices", 45,
		[]string{
			"account_move.state", "account_move." + kind, "account_move.journal_id", "account_move.date",
			"account_move.create_date", "account_journal.id", "account_journal.type",
		},
		[]string{"account_move.auto_post"}, func(s *schema) string {
			return fill(invoicesSQL, "{kind}", kind, "{auto}", autoPost(s),
				"{columns}", s.columnsOf("account_move", kind, "create_date", "date", "auto_post"))
		})
	g.part = "account_move." + kind
	if kind != "move_type" {
		g.name, g.unless = g.name+"_"+kind, []string{"account_move.move_type"}
	}
	return g
}

var invoicesSince14, invoicesOf13 = invoicesGroup("move_type"), invoicesGroup("type")

// entriesGroup reads what is to be posted in the other journals, vendors' bills and assets among it.
var entriesGroup = func() *group {
	g := worksGroup("entries", 45,
		[]string{
			"account_move.state", "account_move.journal_id", "account_move.date", "account_move.auto_post",
			"account_journal.id", "account_journal.type",
		},
		nil, func(s *schema) string {
			return fill(entriesSQL, "{auto}", autoPost(s), "{columns}", "date, auto_post")
		})
	g.part = "account_move.auto_post"
	return g
}()

// Drafts have an index by journal and state, which ends with the day. The days are the user's, so that
// one day counts as late only when it is over everywhere.
const (
	draftsSQL = `ORDER BY id LIMIT 50) j CROSS JOIN LATERAL (
  SELECT {columns} FROM public.account_move WHERE journal_id = j.id AND state = 'draft'`
	invoicesSQL = `
WITH drafts AS MATERIALIZED (SELECT m.* FROM (SELECT id FROM public.account_journal WHERE type = 'sale' ` + draftsSQL + ` LIMIT {ofState}) m LIMIT {ofState})
SELECT 'invoice_draft', count(*), date_part('epoch', min(create_date)) FROM drafts WHERE {kind} IN ('out_invoice', 'out_refund')
UNION ALL
SELECT 'invoice_to_post', count(*), date_part('epoch', min(date) + interval '1 day') FROM drafts WHERE {auto} AND date < {utc}::date - 1
UNION ALL SELECT NULL, (count(*) = {ofState})::int, NULL FROM drafts`
	entriesSQL = `
WITH late AS MATERIALIZED (SELECT m.* FROM (SELECT id FROM public.account_journal WHERE type <> 'sale' ` + draftsSQL + `
  AND date < {utc}::date - 1 LIMIT {ofState}) m LIMIT {ofState})
SELECT 'entry_to_post', count(*), date_part('epoch', min(date) + interval '1 day') FROM late WHERE {auto}
UNION ALL SELECT NULL, (count(*) = {ofState})::int, NULL FROM late`
)

// autoPost is the condition of what posts itself: a word since series 16, before it yes or no.
func autoPost(s *schema) string {
	switch c := s.columns["account_move.auto_post"]; {
	case c.readable && c.kind == "boolean":
		return "auto_post"
	case c.readable && c.kind == "character varying":
		return "auto_post <> 'no'"
	}
	return "false"
}

// invoicesOf12 are in a table of their own, which upgrades may leave behind.
var invoicesOf12 = earlierInvoices()

func earlierInvoices() *group {
	g := worksGroup("account_invoice", 20,
		[]string{"account_invoice.state", "account_invoice.type", "account_invoice.create_date"}, nil,
		fixed(`
WITH drafts AS MATERIALIZED (SELECT type, create_date FROM public.account_invoice WHERE state = 'draft' LIMIT {ofState})
SELECT 'invoice_draft', count(*), date_part('epoch', min(create_date)) FROM drafts WHERE type IN ('out_invoice', 'out_refund')
UNION ALL SELECT NULL, (count(*) = {ofState})::int, NULL FROM drafts`))
	g.unless = []string{"account_move.type", "account_move.move_type"}
	return g
}

// sendingGroup reads the invoices that wait to be sent by the scheduled task, and those that could
// not be. The column that says so has another name from series 18 on, and no index.
func sendingGroup(column string) *group {
	g := worksGroup(column, 30, []string{"account_move.id", "account_move.create_date", "account_move." + column}, []string{"account_move.write_date"},
		func(s *schema) string {
			return fill(sendingSQL, "{columns}", s.columnsOf("account_move", "id", "create_date", "write_date", column),
				"{beyond}", beyond(column+" IS NOT NULL"), "{sending}", column, "{written}", s.column("m", "account_move.write_date", "timestamp"))
		})
	g.part = "account_move." + column
	return g
}

var sendingSince18, sendingUntil17 = sendingGroup("sending_data"), sendingGroup("send_and_print_values")

const sendingSQL = `
WITH newest AS MATERIALIZED (SELECT {columns} FROM public.account_move ORDER BY id DESC LIMIT {ofTable}),
waiting AS (SELECT jsonb_exists(m.{sending}, 'error') AS failed, coalesce({written}, m.create_date) AS since FROM newest m WHERE m.{sending} IS NOT NULL)
SELECT 'invoice_to_send', count(*), date_part('epoch', min(since)) FROM waiting WHERE NOT failed
UNION ALL SELECT 'invoice_send_failed', count(*), date_part('epoch', min(since)) FROM waiting WHERE failed
{beyond}`

var ordersGroup = worksGroup("orders", 7,
	[]string{"sale_order.id", "sale_order.state", "sale_order.invoice_status", "sale_order.date_order"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, state, invoice_status, date_order FROM public.sale_order ORDER BY id DESC LIMIT {ofTable})
SELECT 'sale_to_invoice', count(*), date_part('epoch', min(date_order)) FROM newest WHERE invoice_status = 'to invoice' AND state IN ('sale', 'done')
`+beyond("invoice_status = 'to invoice' AND state IN ('sale', 'done')")))

var ediGroup = worksGroup("edi", 4,
	[]string{"account_edi_document.id", "account_edi_document.state", "account_edi_document.blocking_level", "account_edi_document.create_date"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, state, blocking_level, create_date FROM public.account_edi_document ORDER BY id DESC LIMIT {ofTable}),
waiting AS (SELECT coalesce(blocking_level = 'error', false) AS blocked, create_date FROM newest WHERE state IN ('to_send', 'to_cancel'))
SELECT 'edi_waiting', count(*), date_part('epoch', min(create_date)) FROM waiting WHERE NOT blocked
UNION ALL SELECT 'edi_blocked', count(*), date_part('epoch', min(create_date)) FROM waiting WHERE blocked
`+beyond("state IN ('to_send', 'to_cancel')")))

var exchangesGroup = worksGroup("exchanges", 3,
	[]string{"edi_exchange_record.id", "edi_exchange_record.edi_exchange_state", "edi_exchange_record.create_date"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, edi_exchange_state AS state, create_date FROM public.edi_exchange_record ORDER BY id DESC LIMIT {ofTable})
SELECT 'exchange_waiting', count(*), date_part('epoch', min(create_date)) FROM newest
WHERE state IN ('new', 'output_pending', 'input_pending', 'input_received')
UNION ALL SELECT 'exchange_failed', count(*), date_part('epoch', min(create_date)) FROM newest
WHERE state IN ('validate_error', 'output_error_on_send', 'output_sent_and_error', 'input_receive_error', 'input_processed_error')
`+beyond("state IN ('new', 'output_pending', 'input_pending', 'input_received')")))

var bookingsGroup = worksGroup("bookings", 3,
	[]string{"resource_booking.state", "resource_booking.create_date"}, nil,
	fixed(`
WITH open AS MATERIALIZED (
  (SELECT state, create_date FROM public.resource_booking WHERE state = 'pending' LIMIT {ofState}) UNION ALL
  (SELECT state, create_date FROM public.resource_booking WHERE state = 'scheduled' LIMIT {ofState})
)
SELECT 'booking_requested', count(*), date_part('epoch', min(create_date)) FROM open WHERE state = 'pending'
UNION ALL SELECT 'booking_open', count(*), date_part('epoch', min(create_date)) FROM open WHERE state = 'scheduled'
`+fullState))

// appointmentsGroup reads the appointments of the enterprise edition, which are events with a
// status.
var appointmentsGroup = worksGroup("appointments", 3,
	[]string{"calendar_event.id", "calendar_event.create_date", "calendar_event.appointment_status"}, nil,
	fixed(`
WITH newest AS MATERIALIZED (SELECT id, appointment_status AS status, create_date FROM public.calendar_event ORDER BY id DESC LIMIT {ofTable})
SELECT 'appointment_requested', count(*), date_part('epoch', min(create_date)) FROM newest WHERE status = 'request'
`+beyond("status = 'request'")))

var deliveriesGroup = worksGroup("deliveries", 18,
	[]string{"stock_picking.state", "stock_picking.scheduled_date"}, nil,
	fixed(`
WITH open AS MATERIALIZED (
  (SELECT state, scheduled_date FROM public.stock_picking WHERE state = 'waiting' LIMIT {ofState}) UNION ALL
  (SELECT state, scheduled_date FROM public.stock_picking WHERE state = 'confirmed' LIMIT {ofState}) UNION ALL
  (SELECT state, scheduled_date FROM public.stock_picking WHERE state = 'assigned' LIMIT {ofState})
)
SELECT 'delivery_late', count(*), date_part('epoch', min(scheduled_date)) FROM open WHERE scheduled_date < {utc}
`+fullState))

// fixed is a statement that is the same for every schema.
func fixed(sql string) func(*schema) string { return func(*schema) string { return sql } }
