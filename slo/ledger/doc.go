// Package ledger keeps the record: good and bad events per instance and minute,
// as whole numbers, on disk.
//
//	[]slo.Delta ─Append, Add, Fill─> minutes on disk ─> running sums per window ─Reader─> slo.Judge
//	 Define, Attend: who there is ─┘
//	              slo.Exclusion ─SetExclusions─┘ └─> hours on disk ─Sum, Walk─> pages, API, reports
//	                                                     └─Settle─> closed periods, for good
//
// One bbolt file holds it. Every minute is one transaction and one packed row
// with all instances; an hour that is over gets a row of its sums too. What is
// committed survives kill -9 and power loss; the minute in progress does not.
//
// Each watched window has a running sum per instance: a minute that enters is
// added, one that leaves is read back from its row and subtracted. So any window
// costs O(1) per instance and minute, is exact to the minute however long it is,
// and needs 24 bytes per instance; the rows themselves are the system's page
// cache, not ours. At start the sums are made from the hours.
//
// A minute that cannot be written is kept in memory, takes part in all sums and
// is written with the next one that can; Stats says how many wait.
//
// # Time
//
// The ledger's time is that of the last appended minute and follows the wall
// clock both ways; before the first one it is that of the last added minute. If the clock steps back, minutes that exist are added to,
// never overwritten; if it jumps ahead and returns, what was written ahead
// counts when its time comes. A minute without a row was not watched: it is
// missing, neither good nor bad. What comes late is added where it belongs. Time
// that is skipped at once may not have passed: for a week no period closes on its
// account, and no minute expires.
//
// An objective that is taken out and comes back, and a tenant that leaves and
// returns, is absent in between (Define, Attend). Nothing was promised then: such
// minutes are not expected, hold no entry, and what is recorded for them is left
// out. Time in which the daemon was down is no absence.
//
// # Corrections
//
// Exclusions lie over the rows, which never change. A row of an excluded minute
// is read as it counts (removed, or all good), in the place of its hour's sums;
// where nothing is excluded that is one comparison. When exclusions change, only
// the minutes that count otherwise are read again.
//
// When an objective measures something else, the ids of its instances end and
// the same instances get new ones, so that what was measured differently is
// never added up. A calendar period that is over is written down as it stood,
// and no correction reaches it.
//
// # The file
//
// A value ends in a seal: the number of the transaction that wrote it and a
// checksum. A minute that does not match is missing. Where pages are damaged, so
// that no way leads to their values, every sealed value that is still found
// anywhere in the file goes into a new one, and the watch goes on; the damaged
// file stays beside it, and Stats and the log say what is lost. The names of the
// instances stand in a second file too, for that day.
//
// Files of earlier layouts are upgraded into a new file which takes the place of
// the old one at once; the old one stays beside it. Check reads everything,
// Minutes exports it, and Compact writes it anew without what is past the
// retention.
package ledger
