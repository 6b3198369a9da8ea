package redis

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// reading is one answer to INFO, by field.
type reading map[string]string

// parse reads the text of INFO. A text without a version is not Redis talking.
func parse(text string) (reading, error) {
	r := reading{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if ok && !strings.HasPrefix(name, "#") {
			r[name] = value
		}
	}
	if r["redis_version"] == "" {
		return nil, errors.New("there is no redis_version in it")
	}
	return r, nil
}

// number returns a field's value: a number, or 1 and 0 for what Redis says in words. NaN means
// that the field is not there, which the Builder leaves out.
func (r reading) number(name string) float64 {
	switch value := r[name]; value {
	case "ok", "up", "yes":
		return 1
	case "err", "fail", "down", "no":
		return 0
	default:
		return parseNumber(value)
	}
}

func parseNumber(text string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}

// age returns a field that counts seconds since a moment as that moment; NaN where there is none.
func (r reading) age(name string, now time.Time) float64 {
	seconds := r.number(name)
	if seconds < 0 {
		return math.NaN()
	}
	return float64(now.Unix()) - seconds
}

// now is the server's own clock where it tells it: ages of its moments must not depend on ours.
func (r reading) now(ours time.Time) time.Time {
	if micros, err := strconv.ParseInt(r["server_time_usec"], 10, 64); err == nil {
		return time.UnixMicro(micros)
	}
	return ours
}

// emit writes everything that INFO says.
func (r reading) emit(b *collectors.Builder, names bool) {
	b.Set(metricUp, 1)
	r.emitFields(b, fields)
	if names {
		r.emitFields(b, compat)
	}
	r.emitInstance(b)
	r.emitKeyspace(b)
	r.emitReplicas(b)
	if r["role"] == "slave" {
		r.emitPrimary(b, names)
	}
	r.findMemory(b)
	r.findPersistence(b)
}

func (r reading) emitFields(b *collectors.Builder, table []field) {
	for _, f := range table {
		if value := r.number(f.info) * f.scale; value >= 0 || f.signed {
			b.Set(f.metric, value)
		}
	}
}

// policies are those that Redis knows.
var policies = []string{
	"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
	"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
}

func (r reading) emitInstance(b *collectors.Builder) {
	policy := r["maxmemory_policy"]
	b.Set(metricInstance, 1, r["role"], r["redis_version"], r["redis_mode"], r["os"], policy)
	if policy != "" {
		for _, p := range policies {
			b.Set(metricPolicy, truth(p == policy), p)
		}
	}
	if headroom, limited := r.headroom(); limited {
		b.Set(metricHeadroom, headroom)
	}
	if r["server_time_usec"] != "" {
		b.Set(metricStart, float64(r.now(b.At()).Unix())-r.number("uptime_in_seconds"))
	}
}

// headroom is how many bytes the data may still grow; false where nothing limits it. Servers
// older than 4.0 do not say what is not counted; for them it is taken as nothing.
func (r reading) headroom() (float64, bool) {
	limit, used := r.number("maxmemory"), r.number("used_memory")
	if !(limit > 0) || math.IsNaN(used) {
		return 0, false
	}
	if exempt := r.number("mem_not_counted_for_evict"); exempt > 0 {
		used -= exempt
	}
	return limit - used, true
}

func (r reading) emitKeyspace(b *collectors.Builder) {
	for db, values := range r.numbered("db") {
		b.Set(metricKeys, parseNumber(values["keys"]), db)
		b.Set(metricKeysExpiring, parseNumber(values["expires"]), db)
		if ttl := parseNumber(values["avg_ttl"]); ttl > 0 {
			b.Set(metricTTL, ttl/1000, db)
		}
	}
}

func (r reading) emitReplicas(b *collectors.Builder) {
	primary := r.number("master_repl_offset")
	for _, replica := range r.numbered("slave") {
		ip, port, state := replica["ip"], replica["port"], replica["state"]
		b.Set(metricReplicaOffset, parseNumber(replica["offset"]), ip, port, state)
		b.Set(metricReplicaBytes, max(0, primary-parseNumber(replica["offset"])), ip, port, state)
		if lag := parseNumber(replica["lag"]); lag >= 0 {
			b.Set(metricReplicaLag, lag, ip, port, state)
		}
	}
}

// emitPrimary writes what a replica says about its primary.
func (r reading) emitPrimary(b *collectors.Builder, names bool) {
	now := r.now(b.At())
	host, port := r["master_host"], r["master_port"]
	b.Set(metricReplica, 1, host, port, r["slave_read_only"])
	b.Set(metricLinkUp, r.number("master_link_status"), host, port)
	b.Set(metricSyncing, r.number("master_sync_in_progress"), host, port)
	b.Set(metricSlaveOffset, r.number("slave_repl_offset"), host, port)
	b.Set(metricLastIO, r.age("master_last_io_seconds_ago", now), host, port)
	if names {
		b.Set(metricLastIOAge, r.number("master_last_io_seconds_ago"), host, port)
	}
	if r["master_link_status"] == "down" {
		b.Set(metricLinkDown, r.age("master_link_down_since_seconds", now), host, port)
		r.findLinkDown(b)
	}
}

// numbered yields the fields called prefix and a number, such as db0 or slave1, each taken apart
// at its commas, in the order of their numbers.
func (r reading) numbered(prefix string) iter.Seq2[string, map[string]string] {
	isNumbered := func(name string) bool {
		digits, ok := strings.CutPrefix(name, prefix)
		return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
	}
	byNumber := func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }
	return func(yield func(string, map[string]string) bool) {
		for _, name := range slices.SortedFunc(maps.Keys(r), byNumber) {
			if isNumbered(name) && !yield(name, parts(r[name])) {
				return
			}
		}
	}
}

// parts reads "a=1,b=2".
func parts(text string) map[string]string {
	values := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			values[name] = value
		}
	}
	return values
}

// emitRule writes what the server's rule for snapshots asks for: pairs of seconds and changes,
// such as "3600 1 300 100".
func emitRule(b *collectors.Builder, rule string) {
	b.Set(metricRDB, truth(rule != ""))
	longest := math.NaN()
	for i, number := range strings.Fields(rule) {
		if seconds := parseNumber(number); i%2 == 0 && !(seconds <= longest) {
			longest = seconds
		}
	}
	b.Set(metricRule, longest)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
