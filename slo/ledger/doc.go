// Package ledger keeps the record: good and bad events per instance and minute,
// as whole numbers, on disk.
//
//	[]slo.Delta ─Append─> minutes on disk ─> running sums per window ─Tally─> slo.Evaluate
//	                          └─> hours on disk ─Sum, Walk─> pages, API, reports
//
// One bbolt file holds it. Every minute is one transaction and one packed row
// with all instances; an hour that is over gets a row of its sums too. What is
// committed survives kill -9 and power loss; the minute in progress does not.
//
// Each watched window has a running sum per instance: a minute that enters is
// added, one that leaves is read back from its row and subtracted. So any window
// costs O(1) per instance and minute, is exact to the minute however long it is,
// and needs 24 bytes per instance; the rows themselves are the system's page
// cache, not ours.
//
// A minute that cannot be written is kept in memory, takes part in all sums and
// is written with the next one that can; Stats says how many wait.
//
// The ledger's time is that of the last appended minute and follows the wall
// clock both ways. If the clock steps back, minutes that exist are added to,
// never overwritten; if it jumps ahead and returns, what was written ahead
// counts when its time comes. A minute without a row was not watched: it is
// missing, neither good nor bad.
package ledger
