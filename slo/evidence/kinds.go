package evidence

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// The kinds of events that the SLO engine writes, each with the payload of the
// same name. A kind is a word of small letters and underscores; other packages
// bring their own.
const (
	KindAlertTransition   = "alert_transition"
	KindExclusionCreated  = "exclusion_created"
	KindExclusionRevoked  = "exclusion_revoked"
	KindConfigReloaded    = "config_reloaded"
	KindWatchGap          = "watch_gap"
	KindReportIssued      = "report_issued"
	KindLedgerRecovered   = "ledger_recovered"
	KindPeriodClosed      = "period_closed"
	KindEvidenceRecovered = "evidence_recovered"
	KindRestoreRehearsed  = "restore_rehearsed"
)

// Self is who, where the daemon itself did or saw it.
const Self = "wardround"

// AlertTransition is one step in the life of an alert.
type AlertTransition struct {
	// Labels identify the alert, as Alertmanager knows it.
	Labels map[string]string `json:"labels"`
	// From and To are states: inactive, pending, firing, frozen, resolved.
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason,omitempty"`
}

// ExclusionCreated is time that was taken out of promises.
type ExclusionCreated struct {
	Exclusion slo.Exclusion `json:"exclusion"`
}

// ExclusionRevoked is an exclusion taken back.
type ExclusionRevoked struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// ConfigReloaded is a configuration that was read, at start or later.
type ConfigReloaded struct {
	// Accepted is false for a faulty one, which left the old one in force.
	Accepted bool `json:"accepted"`
	// SHA256 is that of all files together, in hexadecimal digits.
	SHA256     string `json:"sha256"`
	Objectives int    `json:"objectives"`
	Tenants    int    `json:"tenants"`
}

// WatchGap is time in which nobody watched: the daemon was not running, or its
// machine was asleep.
type WatchGap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Minutes int64     `json:"minutes"`
}

// ReportIssued is a report that was handed out.
type ReportIssued struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Format string    `json:"format"`
	// SHA256 is the file's, in hexadecimal digits.
	SHA256 string `json:"sha256"`
}

// LedgerRecovered is a ledger that was damaged or of an older layout.
type LedgerRecovered struct {
	// Fault is what was wrong, in the ledger's words.
	Fault string `json:"fault"`
	// Copy is the name of the file that was kept as it was.
	Copy    string    `json:"copy"`
	Through time.Time `json:"through,omitzero"` // the end of what could be kept
}

// PeriodClosed is a calendar period that became final.
type PeriodClosed struct {
	Window    string    `json:"window"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Instances int       `json:"instances"`
	// SHA256 is that of the final numbers as they are kept, in hexadecimal digits.
	SHA256 string `json:"sha256,omitempty"`
}

// EvidenceRecovered is what Open found wrong with the evidence itself.
type EvidenceRecovered struct {
	// Partial is the file that holds an incomplete last line, "" if there was none.
	Partial string `json:"partial,omitempty"`
	// Faults are the places at which the chain is broken, as Verify says them.
	Faults []string `json:"faults,omitempty"`
}
