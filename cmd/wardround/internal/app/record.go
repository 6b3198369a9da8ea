package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/web"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/evidence"
	"github.com/wardround/wardround/slo/ledger"
)

// record is the past as the API tells it, and where it takes what is decided about it.
type record struct{ *App }

// History tallies what instances did together between neighbouring edges.
func (r record) History(ctx context.Context, instances []slo.Instance, edges []time.Time, raw bool) ([]slo.Tally, error) {
	walk := r.objectives.ledger.Walk
	if raw {
		walk = r.objectives.ledger.WalkRaw
	}
	all := make([]slo.Tally, 0, len(edges))
	err := walk(edges, func(s ledger.Slice) error {
		var sum slo.Tally
		for _, i := range instances {
			sum = together(sum, s.Tally(i))
		}
		all = append(all, sum)
		return ctx.Err()
	})
	return all, err
}

func together(a, b slo.Tally) slo.Tally {
	return slo.Tally{
		Counts: a.Counts.Add(b.Counts), Measured: a.Measured + b.Measured,
		Expected: a.Expected + b.Expected, Excluded: a.Excluded + b.Excluded,
	}
}

// Periods are the closed calendar periods.
func (r record) Periods(_ context.Context, from, to time.Time) ([]web.Period, error) {
	closed, err := r.objectives.ledger.Closed(from, to)
	if err != nil {
		return nil, err
	}
	all := make([]web.Period, len(closed))
	for i := range closed {
		all[i] = web.Period{Evaluation: evaluationOf(&closed[i]), Window: closed[i].Window, Closed: closed[i].ClosedAt}
	}
	return all, nil
}

// evaluationOf is a closed period as it was judged when it was closed, whatever became of its
// objective since.
func evaluationOf(c *ledger.Closed) slo.Evaluation {
	o := slo.Objective{Targets: slo.Targets{Default: c.Target}, Window: slo.Window{Rolling: c.To.Sub(c.From)}}
	e := slo.Evaluate(&o, slo.Input{Instance: c.Instance, Tier: c.Tier, At: c.To, Period: c.Judged})
	e.From, e.To, e.Status, e.Prorated = c.From, c.To, c.Status, e.Budget
	e.Coverage, _ = c.Recorded.Coverage()
	return e
}

// Standing is what places of backups and rehearsals said of a tenant.
func (r record) Standing(tenant collectors.Tenant, now time.Time) backup.Standing {
	return r.protection.all.Standing(tenant, now)
}

// Exclusions are all that were ever made.
func (r record) Exclusions() []web.Exclusion {
	return r.excluded.Load().all()
}

// Exclude applies an exclusion unless its ID is taken.
func (r record) Exclude(_ context.Context, by string, x slo.Exclusion) (web.Exclusion, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept, taken := r.excluded.Load().get(x.ID); taken {
		return kept, false, nil
	}
	e := web.Exclusion{Exclusion: x, CreatedBy: by, Created: time.Now().UTC()}
	if err := r.except(r.excluded.Load().and(e)); err != nil {
		return web.Exclusion{}, false, err
	}
	r.witness.evident(e.Created, evidence.KindExclusionCreated, by, evidence.ExclusionCreated{Exclusion: x})
	return e, true, nil
}

// Revoke takes an exclusion back.
func (r record) Revoke(_ context.Context, by, id, why string) (web.Exclusion, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, found := r.excluded.Load().get(id)
	if !found || !e.Revoked.IsZero() {
		return e, found, nil
	}
	if _, filed := r.excluded.Load().filed[id]; filed {
		return e, true, &web.Fault{
			Status: http.StatusConflict, Code: "conflict", Field: "id",
			Problem: fmt.Sprintf("%q stands in %s", id, e.CreatedBy), Advice: "take it out of the file and reload the configuration",
		}
	}
	e = revoked(e, by, why, time.Now())
	if err := r.except(r.excluded.Load().and(e)); err != nil {
		return e, true, err
	}
	r.witness.evident(e.Revoked, evidence.KindExclusionRevoked, by, evidence.ExclusionRevoked{ID: id, Reason: why})
	return e, true, nil
}

// except makes these the exclusions, on disk first. The caller holds the lock. On an error nothing
// has changed.
func (a *App) except(x exclusions) error {
	if err := x.save(a.options.StoragePath); err != nil {
		a.options.Logger.Error("an exclusion cannot be written", "error", err)
		return &web.Fault{
			Status: http.StatusServiceUnavailable, Code: "storage", Problem: "the storage directory cannot be written, so nothing was changed",
			Advice: "see to its disk and permissions; the log says what is wrong",
		}
	}
	if err := a.objectives.except(x.standing()); err != nil {
		return errors.Join(err, a.excluded.Load().save(a.options.StoragePath))
	}
	a.excluded.Store(&x)
	a.silence()
	return nil
}
