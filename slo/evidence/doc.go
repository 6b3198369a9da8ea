// Package evidence keeps the record of what was decided and seen: alerts that
// came and went, exclusions, reloads, reports, gaps in our own watching. It is
// append-only, and nobody can change it later without being found out.
//
//	Event ─Append─> one line each of evidence.jsonl, flushed to the disk ─Read─> pages, API, reports
//	                                         └─Verify─> Result: whole, or which line is wrong and how
//
// A line is a JSON object that carries its sequence number, when, what kind, who,
// the fields of that kind, the hash of the line before and its own:
//
//	{"seq":7,"at":"2026-03-11T12:00:00Z","kind":"config_reloaded","who":"wardround","fields":{…},"prev":"…","hash":"…"}
//
// The hash is the SHA-256 of the line's own bytes up to the comma before "hash",
// so that it can be checked with any tool, and the first line follows a hash of
// zeros. Changing, adding, moving or removing a line breaks the chain at that
// line. Only the end can be cut off, or all be written anew, without a trace in
// the file itself: print the Head from time to time, keep it elsewhere and hand
// it to Verify.
//
// There is one writer, which holds a lock on the file; anybody may read and
// verify beside it. What Append has answered for is on the disk. A crash in the
// middle of a line leaves it without its end; Open sets such a part aside as
// evidence.jsonl.partial-<time of the write> and the chain goes on.
//
// The file is never rotated, because a chain in pieces proves less. A line is
// about 400 bytes: a hundred events a day make 15 MB a year, which Verify reads
// in a fraction of a second.
//
// Payloads hold technical names, times and counts: names of objectives, tenants,
// alerts and files, and the members of staff who decided. They never hold
// anything about patients, nor texts that come out of a monitored system.
package evidence
