// Package odoo asks Odoo how its tenants' work goes: from the tables of each tenant's database
// what no HTTP status shows (scheduled tasks, jobs, mail, half-done releases), and over HTTP
// whether staff get a login page.
//
// The data's way, for a database:
//
//	Databases.Visits -> Database.Collect -> Cluster.Visit (one connection, closed afterwards)
//	  first visit, every some hours, after a release and after a surprise: learn (schema.go) what
//	    tables and columns there are and which of them may be read
//	  each visit: readMarks (marks.go), which tables were written to
//	    -> the groups of which that or time may have changed the answers -> one simple-protocol batch (batch.go)
//	    -> each group's read, of new answers and of those that stand (kept.go) -> reading -> collectors.Builder
//
// A group (group.go) is one set of statements about one subject, with the columns that it needs:
// modules.go, identity.go, crons.go with cronnames.go and running.go, jobs.go with finished.go and
// runner.go, mail.go, servers.go, offices.go and purchases.go (business work, read by works.go), partners.go, usage.go. A
// further group is one more declaration and a word in the list. The column grants of a monitoring
// role (grants.go) are derived from the same declarations.
//
// To ask is what a visit costs, more than what is found, so only that is asked which may have another
// answer by now. That is a group of which a table was written to, as the server's own counts of each
// table say; or whose answers named a moment that has come (a task is due, a job is late); or whose
// answers are an hour old, six where it is asked seldom. All other answers stand and grow old by the
// clock; so do those of what moves slowly, for some minutes, whatever was written. And a connection is
// the dearest of all: after a visit a tenant rests for some rounds (rest.go) before a write leads to another.
//
// What was counted is remembered (memory.go) and survives Odoo's own clean-up. Fleet
// compares what the visits found of different tenants.
//
// And for a login page:
//
//	Target.Visits -> plan (who is checked how often) -> Login.Collect -> page -> outcome
//	                                                 -> Session.Collect -> a signed-in user's call
//	              -> logVisit -> package odoolog, which reads the service's log
//
// A login check of a cold tenant costs Odoo seconds and pushes another tenant out of its
// registry cache, so the distinct tenants checked within an hour stay within half of what that
// cache holds (plan.go).
//
// Nothing about people leaves this package: label values come from names.go, which lets only
// technical names through, and errors of the database are repeated only where their text can
// name nothing but tables and columns.
package odoo
