// Package pages reads what a backup tool shows of itself to Prometheus: of all its pages the series
// that are asked for, and nothing else.
//
//	Config -> New -> Reader.Read: fetch each (bounded) -> lines of the wanted names that fit Config.Where -> Samples
package pages
