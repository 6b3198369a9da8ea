package odoo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wardround/wardround/collectors"
)

// mailGroup reads the queue of outgoing mail. It has no index but its key, so the newest mails
// are looked at; sent ones are deleted as a rule, and then these are all. Mail waits for an hour at
// times, so it is asked seldom, and at the moment at which one becomes late.
var mailGroup = &group{
	name: "mail", addon: true, every: 10 * time.Minute, cost: 16, due: mailIsDue,
	needs:      []string{"mail_mail.id", "mail_mail.state", "mail_mail.create_date"},
	wants:      []string{"mail_mail.failure_type", "mail_mail.scheduled_date"},
	statements: mailStatements,
	read:       readMail,
}

// mailIsDue says whether the moment has come at which a mail becomes late, or is to be sent.
func mailIsDue(r *reading) bool { return !r.memory.mail.IsZero() && !r.memory.mail.After(r.At()) }

const mostMails = 2000 // mails, newest first, that are looked at

const mailSQL = `
SELECT state, failure, count(*),
  min(ready) FILTER (WHERE ready <= date_part('epoch', now())),
  min(ready) FILTER (WHERE ready > date_part('epoch', now())),
  count(*) FILTER (WHERE ready > date_part('epoch', now()))
FROM (
  SELECT state, CASE state WHEN 'exception' THEN {failure} END AS failure,
    CASE state WHEN 'outgoing' THEN date_part('epoch', coalesce({scheduled}, create_date)) END AS ready
  FROM (SELECT {columns} FROM public.mail_mail ORDER BY id DESC LIMIT {most}) m WHERE state IN ('outgoing', 'exception')
) newest GROUP BY 1, 2
UNION ALL
SELECT NULL, NULL, count(*), NULL, NULL, NULL FROM (SELECT id FROM public.mail_mail ORDER BY id DESC LIMIT {most}) newest`

// scheduledText reads a moment from the text that series before 16 keep it in.
const scheduledText = `CASE WHEN m.scheduled_date ~ '^\d{4}-[01]\d-[0-3]\d( [0-2]\d:[0-5]\d(:[0-5]\d)?)?$' THEN m.scheduled_date::timestamp END`

func mailStatements(r *reading) []string {
	s := r.schema
	columns := "id, state, create_date"
	scheduled := s.column("m", "mail_mail.scheduled_date", "timestamp")
	if s.has("mail_mail.scheduled_date") {
		columns += ", scheduled_date"
		if s.columns["mail_mail.scheduled_date"].kind == "character varying" {
			scheduled = scheduledText
		}
	}
	if s.has("mail_mail.failure_type") {
		columns += ", failure_type"
	}
	return []string{fill(mailSQL, "{columns}", columns, "{scheduled}", scheduled,
		"{failure}", s.column("m", "mail_mail.failure_type", "text"), "{most}", strconv.Itoa(mostMails))}
}

func readMail(r *reading, answers [][][][]byte) error {
	var seen, outgoing, scheduled, refused int64
	var oldest, next time.Time
	failures := map[string]int64{}
	err := each(answers[0], func(row *row) {
		switch row.text(0) {
		case "":
			seen = row.int(2)
		case "outgoing":
			outgoing, scheduled, oldest = row.int(2), row.int(5), row.time(3)
			next = row.time(4)
		case "exception":
			refused += row.int(2)
			failures[failureType(row.text(1))] += row.int(2)
		}
	})
	if err != nil {
		return err
	}
	r.Set(metricMails, float64(outgoing-scheduled), "outgoing")
	r.Set(metricMails, float64(scheduled), "scheduled")
	r.Set(metricMails, float64(refused), "exception")
	for kind, n := range failures {
		r.Set(metricMailExceptions, float64(n), kind)
	}
	r.Set(metricMailOldest, unix(oldest))
	r.Set(metricWindowFull, truth(seen >= mostMails), "mail")
	if !oldest.IsZero() {
		next = earliestAfter(r.now, next, oldest.Add(time.Duration(r.config.Mail.DelayedAfter)))
	}
	r.at(next)
	if r.fresh {
		r.memory.mail = next
	}
	findMail(r, outgoing-scheduled, oldest)
	return nil
}

// earliestAfter is the earliest of some moments after now, zero where there is none.
func earliestAfter(now time.Time, moments ...time.Time) time.Time {
	var first time.Time
	for _, t := range moments {
		if t.After(now) {
			first = earlier(first, t)
		}
	}
	return first
}

func findMail(r *reading, outgoing int64, oldest time.Time) {
	if oldest.IsZero() {
		return
	}
	limit := time.Duration(r.config.Mail.DelayedAfter)
	if r.since(oldest) > limit {
		r.Find(collectors.Finding{
			Name: "mail_delayed", Question: collectors.Healthy, Severity: collectors.Warning,
			Text: fmt.Sprintf("%s waiting to be sent, the oldest for %s.", are(outgoing, "mail"), span(r.since(oldest))),
		})
	}
}
