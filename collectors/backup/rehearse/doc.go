// Package rehearse restores the newest backup of a tenant into a PostgreSQL server of its own and
// looks whether what came back is that tenant's Odoo. It is how one knows that a backup can be
// restored, and how long that takes.
//
//	Options -> Clean (what a killed rehearsal left) -> scratch folder, locked, disk checked
//	        -> fetch -> server (initdb, postgres) -> pg_restore | psql | pgbackrest
//	        -> checks (tables, version, rows, newest write, attachments) -> Result
//	        -> everything removed
//
// The server listens on no network, on a socket in its own folder only; archiving, subscriptions
// and preloaded libraries are off, so that a restored cluster reaches nobody. It dies with this
// process. No other server is ever connected to: each connection is asked for its data folder
// first. What leaves the package are counts, times and versions.
package rehearse
