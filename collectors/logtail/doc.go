// Package logtail follows a log file by its name, for the sources that count what logs say.
//
// The data's way, once per round:
//
//	Tail.Read -> what is new of which file (rotation.go) -> lines (tail.go) -> the source's function
//	  -> where it stopped, and what the source remembers -> the state file (place.go)
//
// A line is handed over once. A log that was renamed is read to its end before the one that has its
// name now, and those that came and went between; of one that was copied and truncated the rest is
// read in the copy; a restarted daemon goes on where the one before it stopped. What cannot be had
// any more is a gap, and gaps are counted.
//
// Nothing runs between rounds. A round reads a bounded number of bytes and keeps a bounded part of
// a line, whatever the log holds.
package logtail
