// Package odoo makes tenants for tests and for the demo: databases shaped as
// those of Odoo 17 and 18, with rows of a healthy tenant and named troubles, and
// a stand-in for Odoo's HTTP side.
//
// The data's way: schema-SERIES.sql, addons.sql and healthy*.sql make one template database
// per series and cluster; Seed copies it, sets the copy's clock and applies the
// files of troubles/. Crew then does in such databases what Odoo's cron worker,
// job runner and users would do, so that healthy tenants stay healthy and sick
// ones stay sick. Server answers over HTTP as recordings of real servers show,
// from the real state of the databases.
//
// None of this is Odoo: it has the tables, columns, indexes and answers that a
// read-only monitor meets, and nothing else.
package odoo
