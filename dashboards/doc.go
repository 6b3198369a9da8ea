// Package dashboards holds the Grafana boards, written in Go and kept beside it as the JSON that Grafana loads.
//
// The way of the data:
//
//	board (sections of panels) -> lay (ids and places on the grid) -> Dashboard -> JSON, one file for each board
//	Dashboard -> Expressions -> tests: each parses, names only metrics that exist, and answers on a real Prometheus
//
// The types are the part of Grafana's schema that the boards use, and nothing more: what cannot be written with them
// cannot be misspelt. A board asks only for exported series; it computes nothing that package slo computes.
//
// After a change, `go test ./dashboards -update` writes the JSON anew.
package dashboards
