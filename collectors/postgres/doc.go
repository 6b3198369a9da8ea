// Package postgres watches PostgreSQL clusters: one Cluster for each primary and each standby.
//
// A Cluster keeps one control connection, to the database postgres and never to a tenant's (a
// connection held there would stop Odoo from renaming, duplicating or dropping it). Each round
// asks over it, in one round trip, what the cluster as a whole knows:
//
//	Collect -> session (kept, re-opened when lost) -> the statement of each group, outcomes apart
//	        -> group.read -> Builder: metrics attributed to tenants by database, findings
//	        -> snapshot: Databases, Writes (which databases were written to since)
//	        -> gate: visits paused while the cluster has no connections to spare
//
// What is inside a tenant's database is read by others through Visit: a connection of their own
// with every safety setting in its start-up packet, closed and gone from the server when Visit
// returns. Budget bounds how many of them there are at once.
//
// Beside the round, Visits has two more to a primary. One (use.go) asks on the control connection
// what each database used since the last time, statement by statement without their texts:
//
//	use.Collect -> looks (at statements in each round, or in each second one while all is quiet)
//	            -> statements.take -> growth by tenant, slots (statements with series of their own)
//	            -> neighbours.take -> shares, each database's own past -> judge (noise.go): who takes
//	               more than usual while others wait
//
// The other (sizes.go) walks from database to database on a connection of its own, for a moment
// every few seconds, and tells sizes, growth (growth.go) and how long there is room (space.go);
// what it measured outlives the daemon (keeping.go). InsideGroups are statements for those who
// visit tenants' databases anyway.
//
// A group is one statement with its metrics: see groups() for all of them. A view's columns are
// data (columns.go) and chosen by asking the catalog, so versions of PostgreSQL differ in what is
// there, not in what fails. Names are postgres_exporter's where they say what the value is; what
// became of each of its metrics stands in testdata/postgres_exporter.txt. Where they do not, a target
// that says compat emits them beside ours (compat.go), so that boards and rules made for it go on.
package postgres
