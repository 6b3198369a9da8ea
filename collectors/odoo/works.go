package odoo

import (
	"fmt"
	"slices"
	"time"

	"github.com/wardround/wardround/collectors"
)

// work is one kind of business work that can pile up. Its name is a label value.
type work struct {
	name  string
	limit time.Duration // a piece that waits for longer is reported; zero means never
	text  string        // of the finding: what there is of it
}

// works are all kinds, in the order in which they are reported. The limits can be set by
// configuration.
var works = []work{
	{"invoice_draft", 3 * day, "Customer invoices wait to be posted"},
	{"invoice_to_post", day, "Invoices should have been posted automatically"},
	{"entry_to_post", day, "Bills and entries should have been posted automatically"},
	{"invoice_to_send", 26 * time.Hour, "Invoices wait to be sent"},
	{"invoice_send_failed", time.Hour, "Invoices could not be sent"},
	{"sale_to_invoice", 7 * day, "Orders wait to be invoiced"},
	{"edi_waiting", 26 * time.Hour, "EDI documents wait to be sent"},
	{"edi_blocked", time.Hour, "EDI documents are blocked by errors and will not be tried again"},
	{"exchange_waiting", time.Hour, "EDI exchanges wait"},
	{"exchange_failed", time.Hour, "EDI exchanges failed"},
	{"purchase_approval", 2 * day, "Purchases wait to be approved"},
	{"tier_review", 2 * day, "Reviews wait for a decision"},
	{"booking_requested", day, "Bookings were asked for and have no date"},
	{"booking_open", 0, "Bookings wait to be confirmed"},
	{"appointment_requested", day, "Appointments were asked for and are not answered"},
	{"delivery_late", day, "Deliveries are late"},
}

const day = 24 * time.Hour

// Pieces of work that are looked at in one table: of a state that has an index, or else the
// newest.
const (
	mostOfState = 500
	mostOfTable = 1000
)

// worksGroup is a group of one table whose statement answers with rows of: kind of work, how much
// there is of it, since when the oldest piece waits; and a row without a kind with 1 where there may be
// more than was looked at, else 0.
func worksGroup(name string, cost int, needs, wants []string, statement func(*schema) string) *group {
	return &group{
		name: name, addon: true, part: "calendar_event.appointment_status", every: seldom, cost: cost, needs: needs, wants: wants,
		statements: func(r *reading) []string { return []string{fill(statement(r.schema), worksParts...)} },
		read:       func(r *reading, answers [][][][]byte) error { return readWorks(r, name, answers[0]) },
	}
}

// worksParts are what statements about work have in common.
var worksParts = []string{
	"{utc}", "(now() AT TIME ZONE 'utc')", "{ofState}", fmt.Sprint(mostOfState), "{ofTable}", fmt.Sprint(mostOfTable),
}

// fullState is the row without a kind of a statement about the rows in several states.
const fullState = `UNION ALL SELECT NULL, coalesce(max(n) = {ofState}, false)::int, NULL FROM (SELECT count(*) AS n FROM open GROUP BY state) s`

// beyond is the row without a kind of a statement about the newest rows of a table. A table that has
// more is no sign that any of the rest waits; that some wait among the oldest tenth is one.
func beyond(waiting string) string {
	return fill(`UNION ALL SELECT NULL, coalesce(count(*) = {ofTable} AND
  min(id) FILTER (WHERE {waiting}) <= min(id) + (max(id) - min(id)) / 10, false)::int, NULL FROM newest`, "{waiting}", waiting)
}

func readWorks(r *reading, group string, rows [][][]byte) error {
	return each(rows, func(row *row) {
		name, n, oldest := row.text(0), row.int(1), row.time(2)
		i := slices.IndexFunc(works, func(w work) bool { return w.name == name })
		if i < 0 {
			r.Set(metricWindowFull, truth(n > 0), group)
			return
		}
		r.Set(metricWork, float64(n), name)
		r.Set(metricWorkOldest, unix(oldest), name)
		works[i].find(r, n, oldest)
	})
}

func (w *work) find(r *reading, n int64, oldest time.Time) {
	limit := w.limit
	if set, ok := r.config.Backlogs[w.name]; ok {
		limit = time.Duration(set)
	}
	if oldest.IsZero() || limit <= 0 {
		return
	}
	r.at(oldest.Add(limit))
	if r.since(oldest) > limit {
		r.Find(collectors.Finding{
			Name: w.name, Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s: %d, the oldest for %s.", w.text, n, span(r.since(oldest))),
		})
	}
}
