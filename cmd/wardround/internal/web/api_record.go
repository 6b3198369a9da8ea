package web

import (
	"context"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/slo"
)

// Record is the past as the API tells it, and what was decided about it. It is safe for concurrent
// use. What it hands out is not changed by anybody.
type Record interface {
	// History tallies what the instances, each there once, did together between each two
	// neighbouring edges: one Tally for each stretch, one fewer than edges. Edges are whole minutes in
	// ascending order and may lie in the future, where nothing is expected. Instances without a record
	// add nothing. raw counts excluded minutes too, as if there were no exclusions.
	History(ctx context.Context, instances []slo.Instance, edges []time.Time, raw bool) ([]slo.Tally, error)

	// Periods are the closed calendar periods that begin at from or later and end at to or earlier,
	// ordered by instance, then by time; a zero from or to is no bound. Those of objectives and tenants
	// that are no more are among them.
	Periods(ctx context.Context, from, to time.Time) ([]Period, error)

	// Exclusions are all that were ever made, revoked ones too, ordered by ID.
	Exclusions() []Exclusion

	// Exclude applies an exclusion, which is valid, and puts it on record under the name of who sent
	// it. If its ID is taken nothing changes, made is false, and what has the ID is returned. Both
	// happen as one: of two that come together with one ID, one is made.
	Exclude(ctx context.Context, by string, x slo.Exclusion) (kept Exclusion, made bool, err error)

	// Changes are what changed for a tenant within a time before a moment: by its name, on its
	// database's server and on the whole platform, the latter alone for "". The newest come first.
	Changes(tenant string, before time.Time, within time.Duration) []changes.Change

	// Standing is how a tenant would be recovered now.
	Standing(tenant collectors.Tenant, now time.Time) backup.Standing

	// Rehearsals are the last restores that were rehearsed, by tenant.
	Rehearsals() []Rehearsals

	// Rehearsed puts a rehearsal on record that was made elsewhere, under the name of who sent it. Sent
	// twice it is there once. One that cannot be so is a *Fault, and nothing is on record.
	Rehearsed(ctx context.Context, by string, r backup.Rehearsal) error

	// Revoke takes an exclusion back and puts on record who did and why; found is false where there is
	// none with this ID. One that is revoked already is returned as it is. An exclusion that cannot be
	// revoked here, because a file makes it, is a *Fault.
	Revoke(ctx context.Context, by, id, why string) (kept Exclusion, found bool, err error)
}

// Exclusion is one that was made, with its history.
type Exclusion struct {
	slo.Exclusion
	CreatedBy  string // the sender's name, or the file that it stands in
	Created    time.Time
	RevokedBy  string
	Revoked    time.Time // zero while it was not
	RevokedWhy string
}

// Effective is the exclusion as it counts: what was planned counts as announced when it was put on
// record, if not later, whatever its sender says of the past.
func (x *Exclusion) Effective() slo.Exclusion {
	e := x.Exclusion
	if e.Category.Planned() && e.Announced.Before(x.Created) {
		e.Announced = x.Created
	}
	return e
}

// Rehearsals is what is known of a tenant's rehearsed restores; Tenant is empty in what there is not.
type Rehearsals struct {
	Tenant     string
	Last, Good backup.Rehearsal // the last, and the last with success
	Due        time.Time        // when the next must have succeeded; zero where none must
}

// Period is a calendar period of one instance that is closed: nothing changes it any more.
type Period struct {
	slo.Evaluation           // of the period alone, without burn rates
	Window         string    // as slo.Window writes it
	Closed         time.Time // when it was frozen
}
