// Package collectortest is the suite that every collector passes. A collector's test hands Run a
// healthy visit to a real server and the ways in which that server breaks; Run makes the visits
// as the daemon would, through collectors.Rounds, and judges what they brought and left behind:
//
//	Suite -> Rounds -> Collector.Collect -> Batch, Log, log lines -> judged (content.go)
//	before and after each case -> goroutines, sockets              -> judged (leftovers.go)
//
// What only one source can get wrong is tested in that source's own package.
package collectortest
