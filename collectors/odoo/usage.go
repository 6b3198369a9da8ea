package odoo

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// How much a tenant is used.

const (
	mostUsers  = 5000 // rows of users, presences, messages or logins that are looked at
	pollsEvery = 65   // seconds within which the page of somebody who is there says so
)

// busGroup reads the messages to open pages. They live for 100 seconds, until the daily clean-up;
// where they pile up for days that does not run.
var busGroup = &group{
	name: "bus", addon: true, every: seldom, cost: 3, needs: []string{"bus_bus.id", "bus_bus.create_date"},
	statements: func(*reading) []string {
		return []string{fill(`SELECT (SELECT count(*) FROM (SELECT id FROM public.bus_bus ORDER BY id LIMIT {most}) b),
			(SELECT date_part('epoch', create_date) FROM public.bus_bus ORDER BY id LIMIT 1)`, "{most}", fmt.Sprint(mostUsers))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) {
			r.Set(metricBus, float64(row.int(0)))
			r.Set(metricWindowFull, truth(row.int(0) >= mostUsers), "bus")
			if oldest := row.time(1); !oldest.IsZero() {
				r.Set(metricBusOldest, unix(oldest))
			}
		})
	},
}

// presenceGroup reads who has a page open: bus_presence, from series 19 mail_presence.
func presenceGroup(table string) *group {
	return &group{
		name: table, addon: true, every: seldom, cost: 3, needs: []string{table + ".status", table + ".last_poll"},
		statements: func(*reading) []string {
			return []string{fill(`SELECT count(*) FILTER (WHERE status = 'online'), count(*) FILTER (WHERE status = 'away')
				FROM (SELECT status, last_poll FROM public.{table} LIMIT {most}) p WHERE last_poll >= now() AT TIME ZONE 'utc' - interval '{polls} seconds'`,
				"{table}", table, "{most}", fmt.Sprint(mostUsers), "{polls}", fmt.Sprint(pollsEvery))}
		},
		read: func(r *reading, answers [][][][]byte) error {
			return each(answers[0], func(row *row) {
				r.Set(metricPresence, float64(row.int(0)), "online")
				r.Set(metricPresence, float64(row.int(1)), "away")
			})
		},
	}
}

var busPresenceGroup, mailPresenceGroup = presenceGroup("bus_presence"), presenceGroup("mail_presence")

// loginsGroup counts logins by id from where the last look stopped: there is a row for each, of
// which Odoo keeps the newest of each user.
var loginsGroup = &group{
	name: "logins", addon: true, every: seldom, cost: 3, needs: []string{"res_users_log.id"},
	statements: func(r *reading) []string {
		after := "(SELECT max(id) FROM public.res_users_log)"
		if r.memory.logins.known {
			after = fmt.Sprint(r.memory.logins.last)
		}
		return []string{fill(`SELECT count(*), coalesce(max(id), (SELECT max(id) FROM public.res_users_log))
			FROM (SELECT id FROM public.res_users_log WHERE id > {after} ORDER BY id LIMIT {most}) l`, "{after}", after, "{most}", fmt.Sprint(mostUsers))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		m := &r.memory.logins
		err := each(answers[0], func(row *row) {
			if r.fresh {
				m.count += uint64(row.int(0))
				m.last, m.known = max(m.last, row.int(1)), true
				if row.int(0) >= mostUsers {
					r.at(r.now.Add(seldom)) // there are more
				}
			}
		})
		r.Set(metricLogins, float64(m.count))
		return err
	},
}

// loginMemory counts logins since the first look.
type loginMemory struct {
	known bool
	last  int64 // id that was counted
	count uint64
}

var usersGroup = &group{
	name: "users", every: time.Hour, cost: 3, needs: []string{"res_users.id", "res_users.active", "res_users.share"},
	statements: func(*reading) []string {
		return []string{fill(`SELECT count(*) FILTER (WHERE NOT share), count(*) FILTER (WHERE share)
			FROM (SELECT active, coalesce(share, false) AS share FROM public.res_users ORDER BY id LIMIT {most}) u WHERE active`, "{most}", fmt.Sprint(mostUsers))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) {
			r.Set(metricUsers, float64(row.int(0)), "internal")
			r.Set(metricUsers, float64(row.int(1)), "portal")
		})
	},
}

// attachmentsGroup adds up the sizes of attachments. That takes all rows, so it goes through them
// in steps, and begins again an hour after it came to the end. What was deleted meanwhile is seen
// the next time round.
var attachmentsGroup = &group{
	name: "attachments", every: time.Hour, cost: 24, due: attachmentsGoOn,
	needs: []string{"ir_attachment.id", "ir_attachment.file_size", "ir_attachment.store_fname"},
	statements: func(r *reading) []string {
		return []string{fill(`SELECT count(*), max(id), coalesce(sum(file_size) FILTER (WHERE stored), 0), coalesce(sum(file_size) FILTER (WHERE NOT stored), 0)
			FROM (SELECT id, file_size, store_fname IS NOT NULL AS stored FROM public.ir_attachment WHERE id > {after} ORDER BY id LIMIT {most}) a`,
			"{after}", fmt.Sprint(r.memory.attachments.walked.last), "{most}", fmt.Sprint(attachmentStep))}
	},
	read: readAttachments,
}

// attachmentsGoOn says whether the next step is due, of those between beginning and end.
func attachmentsGoOn(r *reading) bool {
	m := &r.memory.attachments
	return m.walked.last > 0 && r.At().Sub(m.asked) >= stepsApart
}

// stepsApart leaves every other visit to what else is asked seldom. Three hundred thousand
// attachments are gone through in an hour.
const stepsApart = 2 * time.Minute

const attachmentStep = 10000

// sizes are what was added up of attachments.
type sizes struct {
	last             int64 // id
	count            int64
	files, databases float64 // bytes
}

type attachmentMemory struct {
	walked sizes     // so far this time
	known  sizes     // of the last time that all were seen
	done   bool      // there was such a time
	asked  time.Time // when the last step was made, by our clock
}

func readAttachments(r *reading, answers [][][][]byte) error {
	m := &r.memory.attachments
	if r.fresh {
		m.asked = r.At()
		err := each(answers[0], func(row *row) {
			m.walked.count += row.int(0)
			m.walked.last = max(m.walked.last, row.int(1))
			m.walked.files += row.float(2)
			m.walked.databases += row.float(3)
			if row.int(0) < attachmentStep {
				m.known, m.done, m.walked = m.walked, true, sizes{}
			}
		})
		if err != nil {
			return err
		}
	}
	if !m.done {
		r.soon()
		return nil
	}
	r.Set(metricAttachments, float64(m.known.count))
	r.Set(metricAttachmentBytes, m.known.files, "filestore")
	r.Set(metricAttachmentBytes, m.known.databases, "database")
	return nil
}

// Usage.
var (
	metricBus = &collectors.Metric{
		Name: "odoo_bus_messages",
		Help: "Messages to open pages that were not cleaned up", Source: "bus_bus",
	}
	metricBusOldest = &collectors.Metric{
		Name: "odoo_bus_oldest_timestamp_seconds", Unit: "seconds",
		Help: "When the oldest message to open pages was written; the clean-up is daily", Source: "bus_bus.create_date",
	}
	metricPresence = &collectors.Metric{
		Name: "odoo_users_present", Labels: []string{"status"},
		Help: "Users and guests with a page open as of the last look, some minutes ago at most", Source: "bus_presence, mail_presence",
	}
	metricLogins = &collectors.Metric{
		Name: "odoo_logins_total", Type: collectors.Counter,
		Help: "Logins seen; those that Odoo cleaned up in between are not", Source: "res_users_log",
	}
	metricUsers = &collectors.Metric{
		Name: "odoo_users", Labels: []string{"kind"},
		Help: "Active users, internal and of the portal", Source: "res_users",
	}
	metricAttachments = &collectors.Metric{
		Name: "odoo_attachments",
		Help: "Attachments as of the last time that all were gone through, which begins hourly", Source: "ir_attachment",
	}
	metricAttachmentBytes = &collectors.Metric{
		Name: "odoo_attachments_size_bytes", Unit: "bytes", Labels: []string{"place"},
		Help: "Size of the attachments in the file store and in the database", Source: "ir_attachment.file_size",
	}
)
