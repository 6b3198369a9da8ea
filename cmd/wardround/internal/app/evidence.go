package app

import (
	"context"
	"sync"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/slo/evidence"
)

// witness puts on record what was decided and seen, and says in the log when it cannot. Nothing
// waits for it: what cannot be written is written with what comes next.
type witness struct {
	log *evidence.Log
	say func(err error)

	mu     sync.Mutex
	failed bool
}

func (w *witness) evident(at time.Time, kind, who string, payload any) {
	w.all([]evidence.Event{{At: at.UTC(), Kind: kind, Who: who, Payload: payload}})
}

func (w *witness) all(events []evidence.Event) {
	err := w.log.AppendAll(events)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.failed {
		w.say(err)
	}
	w.failed = err != nil
}

// transitions puts the life of alerts on record.
func (w *witness) transitions(_ context.Context, all []alert.Transition) {
	events := make([]evidence.Event, 0, len(all))
	for _, t := range all {
		events = append(events, evidence.Event{
			At: t.At.UTC(), Kind: evidence.KindAlertTransition, Who: evidence.Self,
			Payload: evidence.AlertTransition{Labels: t.Alert.Labels, From: string(t.From), To: string(t.To), Reason: t.Reason},
		})
	}
	w.all(events)
}

// unwatched is how long nobody may have watched before it is a gap: a restart takes less.
const unwatched = 2 * time.Minute

// awoken puts on record what was found at the start: damage, and the time in which nobody watched.
func (a *App) awoken(now time.Time) {
	found := a.witness.log.Found()
	if len(found.Faults) > 0 || found.Partial != "" {
		e := evidence.EvidenceRecovered{Partial: found.Partial}
		for _, f := range found.Faults {
			e.Faults = append(e.Faults, f.String())
		}
		a.options.Logger.Warn("the evidence of earlier runs is not whole; `wardround evidence verify` says where", "partial", found.Partial, "faults", found.Broken)
		a.witness.evident(now, evidence.KindEvidenceRecovered, evidence.Self, e)
	}
	book := a.objectives.ledger
	through := book.Through()
	if r := book.Stats().Recovery; r != nil {
		a.witness.evident(now, evidence.KindLedgerRecovered, evidence.Self, evidence.LedgerRecovered{Fault: r.Cause, Copy: r.Kept, Through: through})
	}
	if gap := now.Sub(through); !through.IsZero() && gap > unwatched {
		a.witness.evident(now, evidence.KindWatchGap, evidence.Self,
			evidence.WatchGap{From: through, To: now.UTC().Truncate(time.Second), Minutes: int64(gap / time.Minute)})
	}
}

// configured puts a configuration that was read on record.
func (a *App) configured(at time.Time, c *config.Config, accepted bool) {
	e := evidence.ConfigReloaded{Accepted: accepted}
	if c != nil {
		e.SHA256, e.Objectives, e.Tenants = c.Hash, len(c.Objectives), len(c.Listed)
		a.seen(changes.Fact{Kind: "reload", System: "wardround", Items: map[string]string{"": c.Hash}, At: at})
	}
	a.witness.evident(at, evidence.KindConfigReloaded, evidence.Self, e)
}
