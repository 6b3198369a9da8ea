// Package report writes the monthly report: the five questions answered for people who sign, with the numbers behind
// each answer.
//
// The way of the data:
//
//	Input (objectives, tenants, a tally for each instance and day) ─Build─> Model ─> HTML, PDF, CSV, JSON
//	                                          budget left by day ─draw─> Chart ─> painted as SVG, painted into the PDF
//
// Build is pure: equal inputs give equal models, and equal models give equal bytes in every format. What can be said of
// a promise is computed by package slo; here it is sorted, put into words and set. All formats show the same texts,
// which the Model holds.
package report
