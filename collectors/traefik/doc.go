// Package traefik tells how the edge is, and for each tenant what its requests came to: from
// Traefik's metrics, whose routers it knows the tenants of by their rules. What its metrics cannot
// tell is read from its access log, which package accesslog does.
//
//	Config -> New -> Target: one visit to the metrics, one to the access log
//	metrics page -> counters (page.go: what each series grew by) -> owners (whose router it is)
//	        -> traffic (sums by tenant that never fall) -> collectors.Builder
//	API's routers -> rules (rule.go: which hosts they take) -> owners
//
// Traefik's own names are kept for what it says of itself: entry points, services, certificates,
// reloads. What is summed up by tenant has names of ours, and so has what follows from a difference:
// what a middleware answered (counted at the router, not at the service behind it) and what no
// router took (counted at the entry point only). peers.yaml says what became of each metric.
//
// Traefik forgets its counters when it starts anew, and those of a router when that is removed. Ours
// add up what each of its series grew by since this target was first visited.
//
// Of a page only known families are read and only known labels of them; names that are no technical
// names are not shown.
package traefik
