package odoo

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// seldom is how often, at most, groups are asked whose subject moves in hours rather than minutes:
// each table that a fresh connection opens costs the server a part of a millisecond.
const seldom = 20 * time.Minute

// mailInGroup reads when incoming mail was last fetched. The date is that of the last success.
var mailInGroup = &group{
	name: "mail_in", addon: true, every: seldom, cost: 4,
	needs: []string{"fetchmail_server.id", "fetchmail_server.active", "fetchmail_server.state", "fetchmail_server.date"},
	statements: func(*reading) []string {
		return []string{`SELECT count(*), count(*) FILTER (WHERE date IS NULL), date_part('epoch', min(date))
			FROM (SELECT date FROM public.fetchmail_server WHERE active AND state = 'done' LIMIT 1000) s`}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) { reportMailIn(r, row.int(0), row.int(1), row.time(2)) })
	},
}

func reportMailIn(r *reading, servers, never int64, oldest time.Time) {
	r.Set(metricMailInServers, float64(servers))
	r.Set(metricMailInNever, float64(never))
	if oldest.IsZero() {
		return
	}
	r.Set(metricMailInOldest, unix(oldest))
	limit := time.Duration(r.config.Mail.FetchedWithin)
	r.at(oldest.Add(limit))
	if r.since(oldest) > limit {
		r.Find(collectors.Finding{
			Name: "mail_not_fetched", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("Incoming mail was last fetched %s ago on one of %s.", span(r.since(oldest)), count(servers, "mail server")),
		})
	}
}

// mailServersGroup counts the servers over which mail can leave. A neutralized copy's only one has
// the host "invalid". Without any, Odoo takes the one of its own configuration.
var mailServersGroup = &group{
	name: "mail_servers", every: seldom, cost: 4,
	needs: []string{"ir_mail_server.id", "ir_mail_server.active", "ir_mail_server.smtp_host"},
	statements: func(*reading) []string {
		return []string{`SELECT count(*) FILTER (WHERE smtp_host <> 'invalid'), count(*) FILTER (WHERE smtp_host = 'invalid')
			FROM (SELECT smtp_host FROM public.ir_mail_server WHERE active LIMIT 1000) s`}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) {
			usable, dummies := row.int(0), row.int(1)
			r.Set(metricMailServers, float64(usable))
			if usable == 0 && dummies > 0 && !r.copied() {
				r.Find(collectors.Finding{
					Name: "no_mail_server", Question: collectors.Healthy, Severity: collectors.Critical,
					Text: "No usable mail server is left: the only active one is that of a neutralized copy, though this is none.",
				})
			}
		})
	},
}

// noticesGroup counts notifications that did not arrive. They stay, so it is a stock.
var noticesGroup = &group{
	name: "mail_notifications", addon: true, every: seldom, cost: 7,
	needs: []string{"mail_notification.notification_status"},
	statements: func(*reading) []string {
		const each = `(SELECT notification_status FROM public.mail_notification WHERE notification_status = '{status}' LIMIT {most})`
		const sql = `SELECT notification_status, count(*) FROM ({bounce} UNION ALL {exception}) n GROUP BY 1`
		return []string{fill(sql,
			"{bounce}", fill(each, "{status}", "bounce", "{most}", fmt.Sprint(mostNotices)),
			"{exception}", fill(each, "{status}", "exception", "{most}", fmt.Sprint(mostNotices)))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		by := map[string]int64{"bounce": 0, "exception": 0}
		err := each(answers[0], func(row *row) { by[row.text(0)] = row.int(1) })
		for status, n := range by {
			r.Set(metricNotices, float64(n), status)
		}
		r.Set(metricWindowFull, truth(max(by["bounce"], by["exception"]) >= mostNotices), "mail_notifications")
		return err
	},
}

const mostNotices = 2000 // of one status that are counted
