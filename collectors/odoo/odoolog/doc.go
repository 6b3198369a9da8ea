// Package odoolog reads Odoo's log file for what neither tables nor HTTP statuses show: seconds in
// SQL and in Python by tenant, application errors that were answered with the status 200, failures
// of scheduled tasks before series 18, killed workers, skipped databases, job runners that became
// ready.
//
// The data's way, once per round:
//
//	Reader.Collect -> package logtail (what is new of which file) -> parseLine -> tally.add
//	  -> collectors.Builder, and where it stopped -> the state file
//
// The file is followed by its name, through rotation by renaming and by copying and truncating.
// Nothing runs between rounds, and a round reads a bounded number of bytes. A line is counted once:
// a restarted daemon goes on where the one before it stopped.
//
// Nothing of a message leaves this package. What is counted is found by the constant texts of
// Odoo's own code (events.go), a database counts only as the tenant that it belongs to, and a
// logger only if it is on the list.
package odoolog
