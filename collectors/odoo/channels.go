package odoo

import (
	"maps"
	"slices"
	"strings"
)

// blocked says whether dead jobs take up all that a channel may run. A channel's capacity counts
// the jobs of the channels below it as well. Where the operator did not say the capacity, a dead
// job before waiting ones has to do: capacity is not in the database.
func (b *backlog) blocked(capacity map[string]int, channel string) bool {
	limit, known := capacity[channel]
	if !known {
		return len(capacity) == 0 && b.stuck[channel] > 0 && b.waiting[channel] > 0
	}
	return limit > 0 && within(b.stuck, channel) >= int64(limit)
}

// within sums up a channel and those below it.
func within(by map[string]int64, channel string) int64 {
	n := by[channel]
	for other, count := range by {
		if strings.HasPrefix(other, channel+".") {
			n += count
		}
	}
	return n
}

func (b *backlog) blockedChannels(r *reading) []string {
	all := map[string]bool{}
	for channel := range b.live {
		all[channel] = true
	}
	for channel := range r.config.Jobs.Channels {
		all[channel] = true
	}
	var blocked []string
	for _, channel := range slices.Sorted(maps.Keys(all)) {
		if b.blocked(r.config.Jobs.Channels, channel) {
			blocked = append(blocked, channel)
		}
	}
	return blocked
}
