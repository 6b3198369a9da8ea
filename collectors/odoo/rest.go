package odoo

import (
	"time"

	"github.com/wardround/wardround/collectors/postgres"
)

// A visit costs the server more than what it finds, so there are rounds of rest after each before a
// write is a reason for another. Rows that were only updated are mostly what each open page writes
// every minute, to say that it is there. No tenant rests of which a promise is broken that a write alone
// can end: each round of it counts.
const (
	restAfterUpdates = 4
	restAfterOthers  = 1
	restAtMost       = 5 * time.Minute // however far apart rounds are
)

// restedFor says whether enough rounds were left out for these writes to be a reason for a visit.
func (v visited) restedFor(writes postgres.Writes, now time.Time) bool {
	return v.restless || v.rested >= rest(v.writes, writes) || now.Sub(v.at) >= restAtMost
}

// rest is how many rounds are left out.
func rest(before, now postgres.Writes) int {
	if now.Inserted == before.Inserted && now.Deleted == before.Deleted && now.Updated > before.Updated {
		return restAfterUpdates
	}
	return restAfterOthers
}
