package redis

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// rule is when the server writes a snapshot by itself: as soon as any of its parts holds. None
// means that it never does.
type rule []struct{ seconds, changes float64 }

// parseRule reads pairs of seconds and changes, such as "3600 1 300 100".
func parseRule(text string) (rule, error) {
	numbers := strings.Fields(text)
	if len(numbers)%2 != 0 {
		return nil, errors.New("a rule for snapshots is pairs of seconds and changes, such as 3600 1 300 100")
	}
	var r rule
	for i := 0; i < len(numbers); i += 2 {
		seconds, err := strconv.ParseUint(numbers[i], 10, 32)
		changes, err2 := strconv.ParseUint(numbers[i+1], 10, 32)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("%q is not a rule for snapshots: %w", text, err)
		}
		r = append(r, struct{ seconds, changes float64 }{float64(seconds), float64(changes)})
	}
	return r, nil
}

// longest is the time after which the last change is in a snapshot at the latest; NaN without rule.
func (r rule) longest() float64 {
	longest := math.NaN()
	for _, part := range r {
		if !(part.seconds <= longest) {
			longest = part.seconds
		}
	}
	return longest
}

// due is how long after the last snapshot the next one is due, given the changes since; NaN where
// there are too few for any part.
func (r rule) due(changes float64) float64 {
	due := math.NaN()
	for _, part := range r {
		if changes >= part.changes && changes > 0 && !(part.seconds >= due) {
			due = part.seconds
		}
	}
	return due
}

// overdueAfter is how late a snapshot may be: the server looks ten times a second, and tries again
// five seconds after a failure.
const overdueAfter = time.Minute

// rule writes what the server's rule for snapshots asks for, and when it asks for the next.
func (p page) rule(r reading, rule rule) {
	p.set(metricRDB, truth(len(rule) > 0))
	p.set(metricRule, rule.longest())
	due := r.number("rdb_last_save_time") + rule.due(r.number("rdb_changes_since_last_save"))
	p.set(metricDue, due)
	late := time.Duration(float64(r.now(p.At()).Unix())-due) * time.Second
	if late > overdueAfter && r["rdb_bgsave_in_progress"] == "0" && r["rdb_last_bgsave_status"] == "ok" {
		p.findOverdue(late)
	}
}

// refused writes whether the server takes writes, and if not, why: it says so to clients only,
// each time that one tries.
func (p page) refused(r reading, settings map[string]string) {
	says := func(reason string, known, refuses bool) {
		if known {
			p.set(metricRefused, truth(refuses), reason)
		}
	}
	headroom, limited := r.headroom()
	full := limited && headroom <= 0 && r["maxmemory_policy"] == "noeviction"
	says("memory", r["maxmemory"] == "0" || limited, full || p.oom > 0)
	says("loading", r["loading"] != "", r["loading"] == "1")

	rule, ruleErr := parseRule(settings["save"])
	snapshot := r["rdb_last_bgsave_status"] == "err" && len(rule) > 0 && settings["stop-writes-on-bgsave-error"] == "yes"
	known := settings["stop-writes-on-bgsave-error"] != "" && ruleErr == nil && r["rdb_last_bgsave_status"] != ""
	stuck := snapshot || r["aof_last_write_status"] == "err"
	says("persistence", known, stuck && r["role"] == "master")

	wanted, lag := parseNumber(settings["min-replicas-to-write"]), parseNumber(settings["min-replicas-max-lag"])
	good := r.number("min_slaves_good_slaves")
	few := wanted > 0 && lag > 0 && good < wanted
	says("replicas", wanted == 0 || !math.IsNaN(good), few && r["role"] == "master")
	if few && r["role"] == "master" {
		p.findFewReplicas(good, wanted)
	}
}
