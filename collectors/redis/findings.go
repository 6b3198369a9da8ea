package redis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// remarks are what is wrong with the nodes of a target and what they do not let us have. Of several
// nodes that have the same wrong with them one remark tells.
type remarks struct {
	findings []collectors.Finding
	lacks    []lack
}

// find adds a finding of the node; in a set of several its text names the node.
func (p page) find(f collectors.Finding) {
	if p.node != "" {
		f.Text = p.node + ": " + f.Text
	}
	p.remarks.findings = append(p.remarks.findings, f)
}

// lack adds a part that the node does not let us have.
func (p page) lack(l lack) {
	if p.node != "" {
		l.err = fmt.Errorf("%s: %w", p.node, l.err)
	}
	p.remarks.lacks = append(p.remarks.lacks, l)
}

// tell hands the remarks over: findings of one name and severity, and lacks of one part for one
// reason, as one.
func (all *remarks) tell(b *collectors.Builder) {
	for i, f := range all.findings {
		same := func(o collectors.Finding) bool { return o.Name == f.Name && o.Severity == f.Severity }
		if slices.ContainsFunc(all.findings[:i], same) {
			continue
		}
		more := 0
		for _, o := range all.findings[i+1:] {
			more += int(truth(same(o)))
		}
		if more > 0 {
			f.Text += fmt.Sprintf("; and %d more", more)
		}
		b.Find(f)
	}
	for i, l := range all.lacks {
		same := func(o lack) bool { return o.indicator == l.indicator && reason(o.err) == reason(l.err) }
		if !slices.ContainsFunc(all.lacks[:i], same) {
			b.Unavailable(l.indicator, reason(l.err), l.err)
		}
	}
}

// nearlyFull is the share of the limit from which a server that evicts nothing is a risk: when it
// is full it refuses every write, and with them every login.
const nearlyFull = 0.9

func (p page) findMemory(r reading) {
	headroom, limited := r.headroom()
	limit := r.number("maxmemory")
	used := limit - headroom
	keepsAll := limited && r["maxmemory_policy"] == "noeviction"
	f := collectors.Finding{Name: "redis_memory_nearly_full", Question: collectors.Contained}
	switch {
	case p.oom > 0 || keepsAll && headroom <= 0:
		f.Severity = collectors.Critical
		f.Text = fmt.Sprintf("Redis has used up its %s and evicts nothing: it refuses writes", bytes(limit))
	case keepsAll && used >= nearlyFull*limit:
		f.Severity = collectors.Warning
		f.Text = fmt.Sprintf("Redis uses %.0f %% of its %s and evicts nothing: writes will be refused when it is full",
			math.Floor(100*used/limit), bytes(limit))
	default:
		return
	}
	p.find(f)
}

func (p page) findSoonFull(left time.Duration, headroom float64) {
	p.find(collectors.Finding{
		Name: "redis_memory_soon_full", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("Redis has %s left and fills them in %s as it has grown of late: then it refuses writes",
			bytes(headroom), left.Round(time.Minute)),
	})
}

// bytes writes a size as Redis's own settings do.
func bytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if n < 1024 {
			return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) + " " + unit
		}
		n /= 1024
	}
	return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) + " GiB"
}

func (p page) findLoading(r reading) {
	if r["loading"] != "1" {
		return
	}
	p.find(collectors.Finding{
		Name: "redis_loading", Question: collectors.Healthy, Severity: collectors.Critical,
		Text: "Redis is loading its data and answers no command until it is done",
	})
}

func (p page) findPersistence(r reading) {
	var failing []string
	for _, state := range []struct{ field, what string }{
		{"rdb_last_bgsave_status", "the last snapshot"},
		{"aof_last_write_status", "the last write to the append-only file"},
		{"aof_last_bgrewrite_status", "the last rewrite of the append-only file"},
	} {
		if r[state.field] == "err" {
			failing = append(failing, state.what)
		}
	}
	if len(failing) == 0 {
		return
	}
	p.find(collectors.Finding{
		Name: "redis_persistence_failing", Question: collectors.Protected, Severity: collectors.Critical,
		Text: "Redis cannot keep its data on disk: " + strings.Join(failing, " and ") + " failed",
	})
}

func (p page) findOverdue(late time.Duration) {
	p.find(collectors.Finding{
		Name: "redis_snapshot_overdue", Question: collectors.Protected, Severity: collectors.Warning,
		Text: fmt.Sprintf("The snapshot that Redis's own rule asks for is %s late: what was written since is in memory only", late.Round(time.Second)),
	})
}

func (p page) findFewReplicas(good, wanted float64) {
	p.find(collectors.Finding{
		Name: "redis_replicas_missing", Question: collectors.Healthy, Severity: collectors.Critical,
		Text: fmt.Sprintf("Redis refuses writes: %.0f of the %.0f replicas that it asks for keep up", good, wanted),
	})
}

func (p page) findLinkDown(r reading, prefix string) {
	since := ""
	if seconds := r.number(prefix + "_link_down_since_seconds"); seconds >= 0 {
		since = fmt.Sprintf(" for %s", time.Duration(seconds)*time.Second)
	}
	p.find(collectors.Finding{
		Name: "redis_replica_link_down", Question: collectors.Protected, Severity: collectors.Critical,
		Text: fmt.Sprintf("The replica has been without its primary %s:%s%s: what is written there is not copied",
			technical(r[prefix+"_host"]), technical(r[prefix+"_port"]), since),
	})
}

func (p page) findDown() {
	p.find(collectors.Finding{
		Name: "redis_node_down", Question: collectors.Healthy, Severity: collectors.Critical,
		Text: "the node does not answer",
	})
}

func (p page) findCluster(r reading) {
	missing := 16384 - r.number("cluster_slots_ok")
	if r["cluster_state"] != "fail" && !(missing > 0) {
		return
	}
	f := collectors.Finding{
		Name: "redis_cluster_degraded", Question: collectors.Healthy, Severity: collectors.Warning,
		Text: fmt.Sprintf("%.0f of the cluster's 16384 slots have no node that is well", missing),
	}
	if r["cluster_state"] == "fail" {
		f.Severity = collectors.Critical
		f.Text += ", and it refuses commands"
	}
	p.find(f)
}
