// Package sql brings the operator's own indicators: what a query says, asked of a cluster or of
// each tenant's database, becomes metrics by a few lines of configuration.
//
//	[]Config -> New -> Indicators -> Visits: per cluster or tenant, and interval, one connection
//	Visit.Collect: for each indicator BEGIN READ ONLY -> its query, bounded -> rows -> samples
//
// A query is somebody's first draft until proven otherwise. It runs as a subquery of a statement
// of ours, which takes no more rows and no longer values than are wanted, in a read-only
// transaction with a time limit of its own, as a single statement. Labels come from columns that
// the configuration names, with values that it allows. Nothing of a query's text, and no message
// that may quote a value, is shown.
package sql
