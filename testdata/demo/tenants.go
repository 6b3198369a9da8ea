package main

import "github.com/wardround/wardround/testdata/odoo"

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
}

// ward is who is on the platform. The first two are listed by name in the
// configuration, all others are discovered.
func ward() []patient {
	return []patient{
		{database: "clinic_north", host: "north.example.test", series: odoo.Series18},
		{database: "clinic_south", host: "south.example.test", series: odoo.Series17},
		{database: "tenant_alder", series: odoo.Series18},
		{database: "tenant_birch", series: odoo.Series17},
		{database: "tenant_cedar", series: odoo.Series18, troubles: []odoo.Trouble{odoo.OverdueCron}},
		{database: "tenant_elm", series: odoo.Series18, troubles: []odoo.Trouble{odoo.FailingCron}},
		{database: "tenant_fir", series: odoo.Series18, troubles: []odoo.Trouble{odoo.StuckJob}, invoicesPile: true},
		{database: "tenant_hazel", series: odoo.Series18, troubles: []odoo.Trouble{odoo.ToUpgrade}},
		{database: "tenant_iris", series: odoo.Series18, astray: true},
		{database: "tenant_juniper", series: odoo.Series18, noRunner: true},
		{database: "tenant_larch", series: odoo.Series17, troubles: []odoo.Trouble{odoo.MailBacklog}, mailPiles: true},
		{database: "tenant_maple", series: odoo.Series17, fault: odoo.Slow},
		{database: "tenant_oak", series: odoo.Series17, troubles: []odoo.Trouble{odoo.WrongBaseVersion}},
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
