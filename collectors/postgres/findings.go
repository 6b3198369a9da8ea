package postgres

import (
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
)

// grade says how bad a duration is, and false where it is not.
func grade(d, warning, critical time.Duration) (collectors.Severity, bool) {
	switch {
	case d >= critical:
		return collectors.Critical, true
	case d >= warning:
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
