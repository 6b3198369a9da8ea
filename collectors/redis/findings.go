package redis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// nearlyFull is the share of the limit from which a server that evicts nothing is a risk: when it
// is full it refuses every write, and with them every login.
const nearlyFull = 0.9

func (r reading) findMemory(b *collectors.Builder) {
	headroom, limited := r.headroom()
	limit := r.number("maxmemory")
	used := limit - headroom
	if !limited || r["maxmemory_policy"] != "noeviction" || used < nearlyFull*limit {
		return
	}
	f := collectors.Finding{
		Name: "redis_memory_nearly_full", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("Redis uses %.0f %% of its %s and evicts nothing: writes will be refused when it is full",
			math.Floor(100*used/limit), bytes(limit)),
	}
	if headroom <= 0 {
		f.Severity = collectors.Critical
		f.Text = fmt.Sprintf("Redis has used up its %s and evicts nothing: it refuses writes", bytes(limit))
	}
	b.Find(f)
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

func (r reading) findPersistence(b *collectors.Builder) {
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
	b.Find(collectors.Finding{
		Name: "redis_persistence_failing", Question: collectors.Protected, Severity: collectors.Critical,
		Text: "Redis cannot keep its data on disk: " + strings.Join(failing, " and ") + " failed",
	})
}

func (r reading) findLinkDown(b *collectors.Builder) {
	since := ""
	if seconds := r.number("master_link_down_since_seconds"); seconds >= 0 {
		since = fmt.Sprintf(" for %s", time.Duration(seconds)*time.Second)
	}
	b.Find(collectors.Finding{
		Name: "redis_replica_link_down", Question: collectors.Protected, Severity: collectors.Critical,
		Text: fmt.Sprintf("The replica has been without its primary %s:%s%s: what is written there is not copied",
			r["master_host"], r["master_port"], since),
	})
}
