package main

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/testdata/odoo"
)

// patient is one tenant of the demo and what is wrong with it.
type patient struct {
	database string
	host     string
	series   odoo.Series
	troubles []odoo.Trouble
	// astray means that the host name leads to no database, as after a wrong
	// rename: visitors are sent to the database selector.
	astray bool
	// fault is put on the pages.
	fault odoo.Fault
	// mailPiles, invoicesPile and noRunner go to the crew.
	mailPiles, invoicesPile, noRunner bool
	// crowded means that more workers want connections than its pool has.
	crowded bool
	// dumps is what became of its nightly dumps.
	dumps dumps
	// ends is how long its certificate is valid yet; zero means three months.
	ends time.Duration
	// released means that a release to it was reported shortly before.
	released bool
	// unrestorable means that somebody rehearsed a restore elsewhere, which failed.
	unrestorable bool
}

// ward is who is on the platform. The first two are listed by name in the
// configuration, all others are discovered.
func ward() []patient {
	const days = 24 * time.Hour
	return []patient{
		{database: "clinic_north", host: "north.example.test", series: odoo.Series18},
		{database: "clinic_south", host: "south.example.test", series: odoo.Series17, ends: 9 * days},
		{database: "tenant_alder", series: odoo.Series18},
		{database: "tenant_birch", series: odoo.Series17, crowded: true},
		{database: "tenant_cedar", series: odoo.Series18, troubles: []odoo.Trouble{odoo.OverdueCron}, dumps: notCopied},
		{database: "tenant_elm", series: odoo.Series18, troubles: []odoo.Trouble{odoo.FailingCron}, dumps: never},
		{database: "tenant_fir", series: odoo.Series18, troubles: []odoo.Trouble{odoo.StuckJob}, invoicesPile: true},
		{database: "tenant_hazel", series: odoo.Series18, troubles: []odoo.Trouble{odoo.ToUpgrade}, unrestorable: true},
		{database: "tenant_iris", series: odoo.Series18, astray: true},
		{database: "tenant_juniper", series: odoo.Series18, noRunner: true, dumps: daysOld},
		{database: "tenant_larch", series: odoo.Series17, troubles: []odoo.Trouble{odoo.MailBacklog}, mailPiles: true},
		{database: "tenant_maple", series: odoo.Series17, fault: odoo.Slow, released: true},
		{database: "tenant_oak", series: odoo.Series17, troubles: []odoo.Trouble{odoo.WrongBaseVersion}, dumps: cutOff},
		{database: "tenant_stage", series: odoo.Series18, troubles: []odoo.Trouble{odoo.Neutralized}},
	}
}

// address returns the tenant's host name; discovered ones are named after their
// database.
func (p patient) address() string {
	if p.host != "" {
		return p.host
	}
	return p.database + ".example.test"
}

// furnish is SQL for what a tenant of the demo has beside its seed: the address that its mails link
// to, and jobs that nobody starts where it has no job runner.
func (p patient) furnish() string {
	sql := fmt.Sprintf("UPDATE ir_config_parameter SET value = 'https://%s' WHERE key = 'web.base.url';\n", p.address())
	if p.noRunner {
		sql += `UPDATE queue_job SET state = 'pending', date_created = now() AT TIME ZONE 'UTC' - interval '20 minutes',
			date_enqueued = NULL, date_started = NULL, date_done = NULL, exec_time = NULL WHERE id > 58;
`
	}
	return sql
}
