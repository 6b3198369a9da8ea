package redis

import (
	"strings"
)

// mostCommands bounds the series of commands. Redis has about 240, subcommands about as many.
const mostCommands = 600

// commands writes how often each command was called, how it ended and how long it took, and how
// often each kind of error was answered.
func (p page) commands(r reading) {
	seen := 0
	for name, values := range r.prefixed("cmdstat_") {
		cmd := technical(name)
		if cmd == "" {
			continue
		}
		if seen++; seen > mostCommands {
			p.Notef("more than %d commands: the rest is left out", mostCommands)
			break
		}
		p.set(metricCommands, parseNumber(values["calls"]), cmd)
		p.set(metricCommandSeconds, parseNumber(values["usec"])/1e6, cmd)
		p.set(metricCommandRejected, parseNumber(values["rejected_calls"]), cmd)
		p.set(metricCommandFailed, parseNumber(values["failed_calls"]), cmd)
		p.percentiles(r, name, cmd)
	}
	p.errors(r)
}

func (p page) percentiles(r reading, name, cmd string) {
	for percentile, micros := range parts(r["latency_percentiles_usec_"+name]) {
		digits, ok := strings.CutPrefix(percentile, "p")
		share := parseNumber(digits)
		if !ok || !(share >= 0 && share <= 100) || len(digits) > len("99.9999") {
			continue
		}
		p.set(metricCommandLatency, parseNumber(micros)/1e6, cmd, digits)
		if p.compat {
			p.set(metricCommandLatencyMicros, parseNumber(micros), cmd, digits)
		}
	}
}

// errorKinds are the first words of errors that Redis itself answers. Scripts and modules answer
// with words of their own, which may be anything, and are counted as other.
var errorKinds = strings.Fields(`
	ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT DENIED ERR EXECABORT FAILOVER INPROG INVALIDOBJ IOERR LOADING
	MASTERDOWN MISCONF MOVED NOADDR NOAUTH NOGOODSLAVE NOGROUP NOMASTERLINK NOPERM NOPROTO NOREPLICAS NOSCRIPT
	NOTBUSY NOTREADY OOM READONLY REDIRECT TRYAGAIN UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE`)

func (p page) errors(r reading) {
	counts, other, any := map[string]float64{}, 0.0, false
	for kind, values := range r.prefixed("errorstat_") {
		if n := parseNumber(values["count"]); n >= 0 {
			counts[kind] = n
		}
	}
	for _, kind := range errorKinds {
		if n, ok := counts[kind]; ok {
			p.set(metricErrors, n, kind)
			delete(counts, kind)
		}
	}
	for _, n := range counts {
		other, any = other+n, true
	}
	if any {
		p.set(metricErrors, other, "other")
	}
}
