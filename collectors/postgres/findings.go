package postgres

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// What is wrong enough to be told to people. Objectives have limits of their own: these only fill
// the list of findings.
const (
	nearlyExhausted = 0.9              // share of a connection limit
	lockWait        = 10 * time.Second // the longest wait for a lock
	lockWaitLong    = time.Minute      //
	lagging         = time.Minute      // a standby's lag
	laggingLong     = 10 * time.Minute //
	longTransaction = 30 * time.Minute //
	oldNumbers      = 1e9              // the age of a database in transactions
	oldNumbersLong  = 1.6e9            // where vacuum itself drops all other work
	lastNumber      = 1<<31 - 3e6      // the age at which the server takes no more writes
	clocksDiffer    = 5 * time.Second  // between a standby and its sender
	heldXmin        = 10e6             // transactions behind which vacuum cannot clean up
	heldXminLong    = 200e6            // where autovacuum begins to freeze tables by force
	unarchived      = 10 * time.Minute // the age of a WAL file that waits to be archived
	unarchivedLong  = time.Hour        //
	slotIdle        = 10 * time.Minute // how long nobody has received over a slot
	retainedMuch    = 5 << 30          // bytes of WAL kept for a slot
	retainedTooMuch = 40 << 30         //
)

// grade says how bad a measure is, and false where it is not.
func grade[N time.Duration | float64](n, warning, critical N) (collectors.Severity, bool) {
	switch {
	case n >= critical:
		return collectors.Critical, true
	case n >= warning:
		return collectors.Warning, true
	}
	return "", false
}

// brief is a duration as people read it.
func brief(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// size is a number of bytes as people read it.
func size(bytes float64) string {
	unit := 0
	for ; bytes >= 1000 && unit < 4; unit++ {
		bytes /= 1000
	}
	return fmt.Sprintf("%.3g %s", bytes, [...]string{"bytes", "kB", "MB", "GB", "TB"}[unit])
}

// findRole says that the server is not what the configuration takes it for.
func (r *round) findRole(recovering bool) {
	text := "configured as standby of " + r.cluster.config.StandbyOf + ", but it is a primary: it was promoted, and " +
		r.cluster.config.StandbyOf + " has no standby here"
	if recovering {
		text = "configured as a primary, but it is a standby: nothing can be written here"
	}
	r.Find(collectors.Finding{
		Name: "unexpected_role", Question: collectors.Recoverable, Severity: collectors.Critical, Text: text,
	})
}
