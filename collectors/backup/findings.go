package backup

import (
	"fmt"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
)

const (
	// saidLongAgo is how old a tool's written answer may be before somebody should look why.
	saidLongAgo = 2 * time.Hour
	// A backup of less than smallRatio, or more than largeRatio, of the usual size deserves a look.
	smallRatio, largeRatio = 0.5, 3.0
)

// inWords says what a fault means to whoever must act.
var inWords = map[archive.Reason]string{
	archive.Empty:         "is empty",
	archive.Truncated:     "is cut off",
	archive.Broken:        "is damaged",
	archive.Incomplete:    "is incomplete",
	archive.OtherDatabase: "holds another database than the tenant's",
	archive.Unrecognized:  "is in no known format",
	failed:                "failed",
	pageChecksums:         "found damaged pages in the database",
	futureDate:            "is dated in the future, which proves nothing about its age",
	unread:                "cannot be read by the monitor",
}

// inHands says why a place could not be read and what to do.
var inHands = map[collectors.Reason]string{
	collectors.ReasonTimeout:     "it did not answer in time",
	collectors.ReasonUnreachable: "it cannot be reached",
	collectors.ReasonAuth:        "it does not accept the monitor's credentials",
	collectors.ReasonPermission:  "the monitor may not read or list it",
	collectors.ReasonMissing:     "it, or the program to ask, is not there",
	collectors.ReasonConnections: "it refuses more requests",
	collectors.ReasonProtocol:    "it did not answer as it should",
}

// unreadable is what is said of a place that could not be read.
func unreadable(place string, reason collectors.Reason) collectors.Finding {
	why, ok := inHands[reason]
	if !ok {
		why = "asking it failed"
	}
	return collectors.Finding{
		Name: "backup_place_unreadable", Question: collectors.Protected, Severity: collectors.Warning,
		Text: fmt.Sprintf("Nobody knows what the backup place %s holds now: %s", place, why),
	}
}

func (p *Place) findPlace(b *collectors.Builder, r Reading) {
	if r.Cut {
		b.Find(collectors.Finding{
			Name: "backup_listing_cut", Question: collectors.Protected, Severity: collectors.Warning,
			Text: "The place holds more files than one visit may list: remove old ones, narrow the path, or raise the limit",
		})
	}
	if age := b.At().Sub(r.AsOf); age > saidLongAgo {
		b.Find(collectors.Finding{
			Name: "backup_answer_old", Question: collectors.Protected, Severity: collectors.Warning,
			Text: fmt.Sprintf("What is known of the place was written %s ago: the task that asks the backup tool does not run", span(age)),
		})
	}
	if g := r.Guard; g != nil && !g.Versioned && !g.Locked {
		b.Find(collectors.Finding{
			Name: "backup_bucket_unguarded", Question: collectors.Protected, Severity: collectors.Info,
			Text: "The bucket has neither versions nor object locks: whoever holds its key can delete every backup for good",
		})
	}
}

// findTenant says what is wrong with a tenant's backups in one place.
func (p *Place) findTenant(b *collectors.Builder, tenant collectors.Tenant, s State, left bool) {
	find := func(name string, severity collectors.Severity, format string, args ...any) {
		b.Find(collectors.Finding{
			Tenant: tenant.Name, Name: name, Question: collectors.Protected, Severity: severity,
			Text: fmt.Sprintf(format, args...),
		})
	}
	place := p.config.Name
	switch {
	case left:
		find("backup_database_left_out", collectors.Critical, "The newest backup in %s does not hold the tenant's database", place)
		return
	case s.Newest.Stop.IsZero() && s.Attempt.Stop.IsZero():
		find("backup_missing", collectors.Critical, "There is no backup of the tenant in %s", place)
		return
	case s.Newest.Stop.IsZero():
		find("backup_missing", collectors.Critical, "There is no good backup of the tenant in %s: the newest attempt %s", place, words(s.Attempt.Fault))
		return
	case s.Attempt.Fault != "":
		find("backup_failed", collectors.Warning, "The newest backup in %s, from %s ago, %s; the last good one is from %s ago",
			place, span(b.At().Sub(s.Attempt.Stop)), words(s.Attempt.Fault), span(b.At().Sub(s.Newest.Stop)))
	}
	if s.Ratio > 0 && (s.Ratio < smallRatio || s.Ratio > largeRatio) {
		find("backup_size_unusual", collectors.Warning, "The newest backup in %s has %.0f %% of the usual size", place, 100*s.Ratio)
	}
	kept := 0
	for _, n := range s.Kept {
		kept += n
	}
	if s.Kept != nil && kept < p.config.Keep {
		find("backup_too_few", collectors.Info, "%s holds %d good backups of the tenant, of the %d that were asked for", place, kept, p.config.Keep)
	}
	if s.Newest.LockedUntil.After(time.Time{}) && s.Newest.LockedUntil.Before(b.At()) {
		find("backup_lock_expired", collectors.Info, "The newest backup in %s can be deleted: its lock ended %s ago", place, span(b.At().Sub(s.Newest.LockedUntil)))
	}
}

func words(r archive.Reason) string {
	if text, ok := inWords[r]; ok {
		return text
	}
	return "is not good (" + string(r) + ")"
}

// span writes a time as people say it: in its largest unit, from two of them on.
func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*unit.length {
			return fmt.Sprintf("%d %s", int(d/unit.length), unit.name)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%d seconds", int(max(0, d)/time.Second)))
}
