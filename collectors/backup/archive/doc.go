// Package archive looks into one backup file without reading it whole: what it is, whose database
// it holds, and whether its end is there.
//
//	io.ReaderAt + size -> frugal (blocks kept, bytes bounded) -> Inspect: magic -> zip | pg_dump | SQL
//	                                                           -> Contents, or a Fault with its reason
//
// Nothing of what a backup holds leaves it: only names of databases, versions and counts.
package archive
