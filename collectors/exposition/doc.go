// Package exposition serves what the Store holds to Prometheus, at next to no cost.
//
//	Store ([batch][family]) -> families ([family][line]) -> pieces (deflated lines) -> pages -> ServeHTTP
//
// The formats want all lines of a family in one group, so what the batches brought is turned
// around first: families keeps, for each metric family, one line (label block and value) per
// series. What a new generation of the Store changes there decides what is rendered again: a
// family whose lines stayed as they were keeps its compressed piece. A page is the pieces of all
// families put one behind the other, made at most once for each generation, format and encoding,
// and handed to every scraper as the same immutable bytes. The daemon's own metrics differ with
// each scrape; they are a last piece, made for each.
package exposition
