package promsource

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// noon is when the histories of these tests begin.
var noon = time.Date(2026, time.March, 11, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

// promises are the objectives of testdata/objectives.yaml, which the oracle
// knows, too.
func promises(t testing.TB) []slo.Objective { return read(t, "testdata/objectives.yaml") }

func read(t testing.TB, file string) []slo.Objective {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	all, err := slo.ParseObjectives(file, text)
	require.NoError(t, err)
	require.NoError(t, slo.Link(all))
	return all
}

// raw is one raw series as an API holds it.
type raw struct {
	labels map[string]string
	points points
}

// history is what some targets of some tenants were scraped to have, with all
// that happens to counters: restarts, missed scrapes, series that come and go.
type history struct {
	series []*raw
	random *rand.Rand
}

// generate makes the history of a number of minutes from noon on.
func generate(seed uint64, minutes int) *history {
	h := &history{random: rand.New(rand.NewPCG(seed, 1))}
	for tenant := range 3 {
		for target := range 2 {
			h.target(fmt.Sprintf("clinic-%d", tenant), fmt.Sprintf("web-%d-%d:8080", tenant, target), minutes)
		}
	}
	return h
}

// shift lets a history that began at noon begin at another time.
func (h *history) shift(begin time.Time) {
	for _, s := range h.series {
		for i := range s.points {
			s.points[i].at += begin.UnixMilli() - noon.UnixMilli()
		}
	}
}

// target scrapes one target, every 15, 30 or 60 seconds and a bit.
func (h *history) target(tenant, target string, minutes int) {
	interval := []float64{15, 30, 60}[h.random.IntN(3)]
	offset := h.random.Float64() * interval
	if h.random.IntN(3) == 0 {
		offset = 0 // on the borders of minutes and chunks
	}
	add := func(name string, labels ...string) *raw {
		r := &raw{labels: map[string]string{"__name__": name, "tenant": tenant, "instance": target, "job": "odoo"}}
		for i := 0; i < len(labels); i += 2 {
			r.labels[labels[i]] = labels[i+1]
		}
		h.series = append(h.series, r)
		return r
	}
	ok, failed, absent := add("requests_total", "code", "200"), add("requests_total", "code", "500"), add("requests_total", "code", "404")
	counters := []*raw{ok, failed, absent}
	fast, slow := add("login_seconds_bucket", "le", "0.5"), add("login_seconds_bucket", "le", "2.5")
	all := add("login_seconds_bucket", "le", "+Inf")
	lag := add("lag_seconds")
	values := make([]float64, 6)
	for seconds := offset; seconds < float64(minutes*60); seconds += interval {
		if h.random.IntN(300) == 0 { // it restarts
			clear(values)
		}
		for i := range counters {
			values[i] += float64(h.random.IntN(20))
		}
		a, b, c := h.random.IntN(5), h.random.IntN(3), h.random.IntN(2)
		values[3], values[4], values[5] = values[3]+float64(a), values[4]+float64(a+b), values[5]+float64(a+b+c)
		if h.random.IntN(200) == 0 { // it is not reached for a while
			seconds += h.random.Float64() * 1500
		}
		jitter := float64(h.random.IntN(3) - 1)
		moment := noon.UnixMilli() + int64(seconds*1000) + int64(jitter)
		for i, c := range append(counters, fast, slow, all) {
			if c != failed || values[i] > 40 { // begins late, and after each restart
				c.points = append(c.points, point{moment, values[i]})
			}
		}
		lag.points = append(lag.points, point{moment, float64(h.random.IntN(40))})
	}
}

// recount is the oracle: it knows neither chunks nor engines, and goes over each
// series by itself. It answers lines as lines makes them.
func (h *history) recount(from, to time.Time, gap, lookback time.Duration) []string {
	counts := map[string]slo.Counts{} // of measured minutes; Bad holds all logins
	rounds := map[string]bool{}       // whether a gauge's round is good
	for _, r := range h.series {
		good, bad, objective := r.role()
		for i, p := range r.points {
			own := time.UnixMilli(p.at).UTC().Truncate(time.Minute)
			line := func(minute time.Time) string {
				return fmt.Sprintf("%s %s{tenant=%q}", minute.Format(time.RFC3339), objective, r.labels["tenant"])
			}
			for m := own; objective != "" && p.at > m.Add(time.Minute-lookback).UnixMilli(); m = m.Add(time.Minute) {
				if covers := objective != "login" || bad; covers && !m.Before(from) && m.Before(to) {
					counts[line(m)] = counts[line(m)].Add(slo.Counts{})
				}
			}
			switch grown := r.grown(i, gap); {
			case objective == "" || own.Before(from) || !own.Before(to):
			case objective == "lag":
				round := fmt.Sprint(line(own), p.at)
				before, seen := rounds[round]
				rounds[round] = p.value <= 30 && (before || !seen)
				c := counts[line(own)]
				if seen {
					c = c.Sub(one(before))
				}
				counts[line(own)] = c.Add(one(rounds[round]))
			case good:
				counts[line(own)] = counts[line(own)].Add(slo.Counts{Good: grown})
			case bad:
				counts[line(own)] = counts[line(own)].Add(slo.Counts{Bad: grown})
			}
		}
	}
	var lines []string
	for line, c := range counts {
		if strings.Contains(line, "login") {
			c.Bad -= c.Good
		}
		lines = append(lines, fmt.Sprintf("%s %d/%d", line, c.Good, c.Bad))
	}
	slices.Sort(lines)
	return lines
}

func one(good bool) slo.Counts {
	if good {
		return slo.Counts{Good: 1}
	}
	return slo.Counts{Bad: 1}
}

// role is what a series counts for, and whether as good, bad or both.
func (r *raw) role() (good, bad bool, objective string) {
	switch name := r.labels["__name__"]; {
	case name == "requests_total" && r.labels["code"] != "404":
		return r.labels["code"] == "200", r.labels["code"] == "500", "requests"
	case name == "login_seconds_bucket" && r.labels["le"] == "0.5":
		return true, false, "login"
	case name == "login_seconds_bucket" && r.labels["le"] == "+Inf":
		return false, true, "login"
	case name == "lag_seconds":
		return true, true, "lag"
	}
	return false, false, ""
}

// grown is what a counter gained at one of its points.
func (r *raw) grown(i int, gap time.Duration) uint64 {
	if i == 0 || r.points[i].at-r.points[i-1].at > gap.Milliseconds() {
		return 0
	}
	if r.points[i].value < r.points[i-1].value {
		return uint64(r.points[i].value)
	}
	return uint64(r.points[i].value - r.points[i-1].value)
}

// notebook records minutes as lines, and refuses what it has or what is out of
// order.
type notebook struct {
	t     testing.TB
	next  time.Time
	lines []string
}

func (n *notebook) record(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
	for minute, deltas := range minutes {
		require.Equal(n.t, n.next, minute, "minutes come once and in order")
		n.next = minute.Add(time.Minute)
		n.lines = append(n.lines, lines(minute, deltas)...)
		taken++
	}
	return taken, nil
}

func lines(minute time.Time, deltas []slo.Delta) []string {
	var all []string
	for _, d := range deltas {
		line := fmt.Sprintf("%s %s %d/%d", minute.Format(time.RFC3339), d.Instance, d.Counts.Good, d.Counts.Bad)
		if d.Carried {
			line += " carried"
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// openMetrics is the history as promtool reads it.
func (h *history) openMetrics() string {
	var text strings.Builder
	for _, name := range []string{"lag_seconds", "login_seconds_bucket", "requests_total"} {
		family := strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_bucket")
		kind := map[string]string{"lag_seconds": "gauge", "login_seconds": "histogram", "requests": "counter"}[family]
		fmt.Fprintf(&text, "# TYPE %s %s\n", family, kind)
		for _, r := range h.series {
			if r.labels["__name__"] != name {
				continue
			}
			var pairs []string
			for _, label := range slices.Sorted(maps.Keys(r.labels)) {
				if label != "__name__" {
					pairs = append(pairs, fmt.Sprintf("%s=%q", label, r.labels[label]))
				}
			}
			for _, p := range r.points {
				fmt.Fprintf(&text, "%s{%s} %g %d.%03d\n", name, strings.Join(pairs, ","), p.value, p.at/1000, p.at%1000)
			}
		}
	}
	return text.String() + "# EOF\n"
}
