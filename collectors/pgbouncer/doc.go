// Package pgbouncer tells how a PgBouncer is, and per tenant whether its connections are there when
// they are needed: who waits, for how long, and how much of the pool is taken.
//
//	Config -> New -> Server
//	Server.Collect: console (one connection for the visit) -> SHOW ... -> reading
//	reading.emit: tables -> columns by name -> samples, attributed to tenants by database; findings
//
// What each column becomes is data: see views.go. Columns that are not known are left alone, and
// one that a version does not have leaves out its metric only. Names are pgbouncer_exporter's
// wherever they say what the value is; peer.yaml says what became of each.
//
// The connection is not kept between visits: PgBouncer, told to end once its clients have left,
// would wait for ours forever. A visit is one login and a dozen commands, none of which grows with
// the number of clients beyond a bound. The console's own row is left out of all tables.
package pgbouncer
