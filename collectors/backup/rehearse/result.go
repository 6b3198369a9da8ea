package rehearse

import (
	"errors"
	"time"

	"github.com/wardround/wardround/collectors/backup"
)

// Reason is why a rehearsal failed.
type Reason string

// The reasons.
const (
	ReasonCancelled   Reason = "cancelled"
	ReasonPrograms    Reason = "programs_missing"    // PostgreSQL or pgBackRest is not installed
	ReasonSealed      Reason = "encrypted"           // and there is no key
	ReasonDisk        Reason = "disk"                // too little is free
	ReasonFetch       Reason = "fetch"               // the backup could not be read
	ReasonStart       Reason = "start"               // the scratch server did not start
	ReasonRestore     Reason = "restore"             // the restore ended with errors
	ReasonNotOdoo     Reason = "not_odoo"            // Odoo's tables are not there
	ReasonNotReady    Reason = "base_version"        // module base has no version, or is not installed
	ReasonStranger    Reason = "other_database"      // the database of somebody else was restored
	ReasonRows        Reason = "row_counts"          // tables have far fewer or more rows than live ones
	ReasonOldContent  Reason = "old_content"         // what was restored is much older than the backup
	ReasonAttachments Reason = "attachments_missing" // of those that the database names
	ReasonOther       Reason = "other"
)

// Error is a failed rehearsal.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// because gives an error a reason; one that has a reason keeps it, and nil stays nil.
func because(reason Reason, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Error{reason, err}
}

// Result is the evidence of a rehearsal: counts, times and versions, nothing of what was restored.
type Result struct {
	Tenant  string      `json:"tenant"`
	Place   string      `json:"place"`
	Type    backup.Type `json:"type"`
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended"`
	Success bool        `json:"success"`
	Reason  Reason      `json:"reason,omitempty"`
	Stage   Stage       `json:"failed_in,omitempty"`

	BackupTime      time.Time         `json:"backup_time,omitzero"`
	BackupBytes     int64             `json:"backup_bytes"`
	RecoverySeconds float64           `json:"recovery_seconds"` // until the restored database answered; checks are not counted
	Seconds         map[Stage]float64 `json:"stage_seconds"`
	RecoveryPoint   time.Time         `json:"recovery_point,omitzero"`
	LostSeconds     float64           `json:"lost_seconds"` // from the recovery point to the beginning of the rehearsal

	Postgres      string           `json:"postgres_version,omitempty"`
	Odoo          string           `json:"odoo_version,omitempty"` // of module base
	Tables        int              `json:"tables"`
	Rows          map[string]int64 `json:"rows,omitempty"`          // of key tables
	OutOfBounds   []string         `json:"out_of_bounds,omitempty"` // tables whose rows are far from the live ones
	NewestWrite   time.Time        `json:"newest_write,omitzero"`   // to any of the business tables; zero where nothing was written
	DatabaseBytes int64            `json:"database_bytes"`
	RestoreErrors int              `json:"restore_errors"`

	Attachments Attachments `json:"attachments"`
	Removed     bool        `json:"removed"` // nothing of it is left on the disk
}

// Attachments says whether files that the database names are in the filestore.
type Attachments struct {
	Sampled   int `json:"sampled"`
	Missing   int `json:"missing"`
	Different int `json:"different"` // of another size or content
}

// Record is what is remembered of the rehearsal.
func (r Result) Record() backup.Rehearsal {
	return backup.Rehearsal{
		Tenant: r.Tenant, Place: r.Place, Started: r.Started, Ended: r.Ended, Success: r.Success,
		Reason: string(r.Reason), Seconds: r.RecoverySeconds, RecoveryPoint: r.RecoveryPoint,
	}
}
