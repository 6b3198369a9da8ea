package odoo

import "fmt"

// purchasesGroup reads the purchases that wait to be approved, and how long those took that were.
var purchasesGroup = &group{
	name: "purchases", addon: true, every: seldom, cost: 20,
	needs: []string{"purchase_order.id", "purchase_order.state", "purchase_order.create_date"},
	wants: []string{
		"purchase_order.date_approve", "mail_message.id", "mail_message.model", "mail_message.res_id", "mail_message.date",
		"mail_tracking_value.mail_message_id", "mail_tracking_value.field_id", "ir_model_fields.id", "ir_model_fields.name",
	},
	statements: purchaseStatements,
	read:       readPurchases,
}

// waitingSQL finds since when purchases wait. That is no column: it is the newest message about
// the purchase that says that its state changed, or else, where it was made and submitted at once,
// when it was made. Messages are looked for of the oldest few only.
const waitingSQL = `
WITH waiting AS MATERIALIZED (SELECT id, create_date FROM public.purchase_order WHERE state = 'to approve' LIMIT {ofState}),
since AS (SELECT coalesce({submitted}, w.create_date) AS at FROM (SELECT * FROM waiting ORDER BY id LIMIT 50) w)
SELECT 'purchase_approval', (SELECT count(*) FROM waiting), (SELECT date_part('epoch', min(at)) FROM since)
UNION ALL SELECT NULL, (count(*) = {ofState})::int, NULL FROM waiting`

const submittedSQL = `(SELECT max(m.date) FROM public.mail_message m JOIN public.mail_tracking_value v ON v.mail_message_id = m.id
  JOIN public.ir_model_fields f ON f.id = v.field_id WHERE m.model = 'purchase.order' AND m.res_id = w.id AND f.name = 'state')`

// approvedSQL is those approved since the last look.
const approvedSQL = `
SELECT date_part('epoch', date_approve), date_part('epoch', date_approve - create_date)
FROM public.purchase_order WHERE date_approve > to_timestamp({after}) AT TIME ZONE 'utc' ORDER BY date_approve LIMIT {ofState}`

func purchaseStatements(r *reading) []string {
	submitted := "NULL"
	if r.schema.has("mail_tracking_value.field_id") && r.schema.has("mail_tracking_value.mail_message_id") &&
		r.schema.has("mail_message.date") && r.schema.has("mail_message.res_id") && r.schema.has("ir_model_fields.name") {
		submitted = submittedSQL
	}
	statements := []string{fill(fill(waitingSQL, "{submitted}", submitted), worksParts...)}
	if r.tellsApprovals() {
		after := r.memory.approvals.from(r)
		statements = append(statements, fill(fill(approvedSQL, "{after}", fmt.Sprintf("%.6f", unix(after))), worksParts...))
	}
	return statements
}

// tellsApprovals says whether the moment of approval is known; series 12 keeps the day only.
func (r *reading) tellsApprovals() bool {
	return r.schema.has("purchase_order.date_approve") && r.schema.columns["purchase_order.date_approve"].kind == "timestamp without time zone"
}

func readPurchases(r *reading, answers [][][][]byte) error {
	if err := readWorks(r, "purchases", answers[0]); err != nil || len(answers) < 2 {
		return err
	}
	return r.memory.approvals.read(r, answers[1], metricApproval)
}
