// Package files shows folders and buckets alike: names, sizes and times of what is in them, and
// parts of one file. It only ever reads, lists no more than it is told to, and holds nothing open
// between two visits but a bucket's idle connections, which Close ends.
//
//	Config -> Open -> Folder | Bucket -> List (bounded), Open (ranges), Lock, Guard
package files
