package redis

import (
	"math"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// page is where what one node says is written.
type page struct {
	*collectors.Builder
	node    string         // its address; "" where the target is a single server
	tenants map[int]string // whose each database is
	compat  bool           // also write redis_exporter's names
	oom     float64        // writes refused since the visit before because memory was full
	remarks *remarks
}

// set writes a value of the node.
func (p page) set(m *collectors.Metric, value float64, labels ...string) {
	p.Set(m, value, append([]string{p.node}, labels...)...)
}

// emit writes everything that INFO says.
func (p page) emit(r reading) {
	p.set(metricUp, 1)
	p.fields(r, fields)
	if p.compat {
		p.fields(r, compat)
	}
	p.instance(r)
	p.memory(r)
	p.keyspace(r)
	p.replicas(r)
	if r["role"] == "slave" {
		p.primaries(r)
	}
	p.commands(r)
	p.findLoading(r)
	p.findMemory(r)
	p.findPersistence(r)
}

func (p page) fields(r reading, table []field) {
	for _, f := range table {
		if value := r.number(f.info) * f.scale; value >= 0 || f.signed {
			p.set(f.metric, value)
		}
	}
}

func (p page) instance(r reading) {
	mode := r["redis_mode"]
	if mode == "" {
		mode = r["server_mode"] // as Valkey says it
	}
	if r["role"] != "" {
		os := r["os"]
		if technical(strings.ReplaceAll(os, " ", "")) == "" {
			os = ""
		}
		p.set(metricInstance, 1, technical(r["role"]), technical(r["redis_version"]), technical(mode),
			os, technical(r["maxmemory_policy"]), technical(r["valkey_version"]))
	}
	if r["server_time_usec"] != "" {
		p.set(metricStart, float64(r.now(p.At()).Unix())-r.number("uptime_in_seconds"))
	}
	for _, module := range r.numbered("module") {
		p.set(metricModule, 1, technical(module["name"]), technical(module["ver"]))
	}
}

// policies are those that Redis knows.
var policies = []string{
	"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
	"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
}

func (p page) memory(r reading) {
	policy := r["maxmemory_policy"]
	if policy != "" {
		for _, known := range policies {
			p.set(metricPolicy, truth(known == policy), known)
		}
	}
	if headroom, limited := r.headroom(); limited {
		limit := r.number("maxmemory")
		p.set(metricHeadroom, headroom)
		p.set(metricUsedRatio, (limit-headroom)/limit, technical(policy))
	}
}

// headroom is how many bytes the data may still grow; false where nothing limits it, or where it
// is not known. Servers older than 4.0 do not say what is not counted; for them it is nothing.
func (r reading) headroom() (float64, bool) {
	limit, used, exempt := r.number("maxmemory"), r.number("used_memory"), r.number("mem_not_counted_for_evict")
	if !(limit > 0) || math.IsNaN(used) {
		return 0, false
	}
	if math.IsNaN(exempt) && r.major() >= 4 {
		return 0, false
	}
	if exempt > 0 {
		used -= exempt
	}
	return limit - used, true
}

func (p page) keyspace(r reading) {
	for db, values := range r.numbered("db") {
		tenant := p.tenantOf(db)
		set := func(m *collectors.Metric, value float64) { p.SetFor(tenant, m, value, p.node, db) }
		set(metricKeys, parseNumber(values["keys"]))
		set(metricKeysExpiring, parseNumber(values["expires"]))
		set(metricKeysCached, parseNumber(values["cached_keys"]))
		for _, name := range []string{"subexpiry", "keys_with_volatile_items"} { // Redis, Valkey
			if n, ok := values[name]; ok {
				set(metricKeysItems, parseNumber(n))
			}
		}
		if ttl := parseNumber(values["avg_ttl"]); ttl > 0 {
			set(metricTTL, ttl/1000)
		}
	}
}

func (p page) tenantOf(db string) string {
	return p.tenants[int(parseNumber(strings.TrimPrefix(db, "db")))]
}

func (p page) replicas(r reading) {
	primary := r.number("master_repl_offset")
	for _, replica := range r.numbered("slave") {
		labels := []string{technical(replica["ip"]), technical(replica["port"]), technical(replica["state"])}
		offset := parseNumber(replica["offset"])
		p.set(metricReplicaOffset, offset, labels...)
		p.set(metricReplicaBytes, max(0, primary-offset), labels...)
		if lag := parseNumber(replica["lag"]); lag >= 0 {
			p.set(metricReplicaLag, lag, labels...)
		}
	}
}

// primaries writes what a replica says about its primary. In KeyDB it may have several: then the
// second and further ones have a number.
func (p page) primaries(r reading) {
	p.primary(r, "master")
	for name := range r.prefixed("master_") {
		number, isHost := strings.CutSuffix(name, "_host")
		if isHost && !math.IsNaN(parseNumber(number)) {
			p.primary(r, "master_"+number)
		}
	}
}

func (p page) primary(r reading, prefix string) {
	now := r.now(p.At())
	peer := []string{technical(r[prefix+"_host"]), technical(r[prefix+"_port"])}
	if readOnly := r["slave_read_only"]; readOnly != "" {
		p.set(metricReplica, 1, append(peer, technical(readOnly))...)
	}
	p.set(metricLinkUp, r.number(prefix+"_link_status"), peer...)
	p.set(metricSyncing, r.number(prefix+"_sync_in_progress"), peer...)
	p.set(metricSyncLeft, r.number(prefix+"_sync_left_bytes"), peer...)
	p.set(metricLastIO, r.age(prefix+"_last_io_seconds_ago", now), peer...)
	if prefix == "master" {
		p.set(metricSlaveOffset, r.number("slave_repl_offset"), peer...)
	}
	if p.compat {
		p.set(metricLastIOAge, r.number(prefix+"_last_io_seconds_ago"), peer...)
	}
	if r[prefix+"_link_status"] == "down" {
		p.set(metricLinkDown, r.age(prefix+"_link_down_since_seconds", now), peer...)
		p.findLinkDown(r, prefix)
	}
}
