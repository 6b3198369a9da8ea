package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/ledger"
	"github.com/wardround/wardround/slo/promsource"
	"github.com/wardround/wardround/slo/simulate"
)

// Offline is the storage of a daemon that is not running, with its configuration.
type Offline struct {
	Config   *config.Config
	Ledger   *ledger.Ledger
	tenants  *collectors.Tenants
	excluded exclusions
	logger   *slog.Logger
}

// OpenOffline opens the storage directory for reading, or for filling in what is missing.
func OpenOffline(c *config.Config, storage string, write bool, logger *slog.Logger) (*Offline, error) {
	if _, err := os.Stat(storage); err != nil { // Open would begin an empty one
		return nil, fmt.Errorf("find the storage directory: %w", err)
	}
	book, err := ledger.Open(storage, ledger.Options{Retention: c.Ledger.Retention, ReadOnly: !write, Logger: logger})
	if err != nil {
		return nil, err
	}
	o := &Offline{Config: c, Ledger: book, logger: logger}
	if err := o.open(storage); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *Offline) open(storage string) error {
	list, err := loadTenants(storage)
	if err != nil {
		return err
	}
	if o.tenants, err = collectors.NewTenants(list); err != nil {
		return err
	}
	if o.excluded, err = loadExclusions(storage); err != nil {
		return err
	}
	o.excluded = o.excluded.with(o.Config.Exclusions)
	return nil
}

// Close lets others open the storage.
func (o *Offline) Close() error { return o.Ledger.Close() }

// Surroundings are what lies over a record that comes from elsewhere: the tiers of tenants, as the
// storage directory and the configuration know them, and the exclusions of both. The storage need
// not be there.
func Surroundings(c *config.Config, storage string) (tier func(slo.Instance) string, excluded []slo.Exclusion, err error) {
	tenants, err := loadTenants(storage)
	if err != nil {
		return nil, nil, err
	}
	tiers := map[string]string{}
	for _, t := range append(tenants, c.Listed...) {
		tiers[t.Name] = t.Tier
	}
	made, err := loadExclusions(storage)
	if err != nil {
		return nil, nil, err
	}
	return func(i slo.Instance) string { return tiers[i.Tenant()] }, made.with(c.Exclusions).standing(), nil
}

// Tier is that of an instance's tenant.
func (o *Offline) Tier(i slo.Instance) string {
	tenant, _ := o.tenants.ByName(i.Tenant())
	return tenant.Tier
}

// Exclusions are those that count.
func (o *Offline) Exclusions() []slo.Exclusion { return o.excluded.standing() }

// Except lays the exclusions over the record.
func (o *Offline) Except() error {
	o.Ledger.SetLags(lags(o.Config))
	return o.Ledger.SetExclusions(o.Exclusions(), o.Tier)
}

// Backfill records what a source knows of [from, to) and the ledger does not.
func (o *Offline) Backfill(ctx context.Context, name string, from, to time.Time, progress func(promsource.Progress)) error {
	source, err := o.Source(name, o.Config.Objectives)
	if err != nil {
		return err
	}
	defer source.Close()
	if len(source.Objectives()) == 0 {
		return fmt.Errorf("no objective is measured in source %q; give one `source: %s` in its indicator", name, name)
	}
	if _, err := o.Ledger.Define(o.Config.Objectives); err != nil {
		return err
	}
	return source.Backfill(ctx, from, to, o.Ledger.Fill, progress)
}

// Source is a configured one, asked for these objectives.
func (o *Offline) Source(name string, objectives []slo.Objective) (*promsource.Source, error) {
	return newSource(o.Config, name, objectives, o.logger)
}

func newSource(c *config.Config, name string, objectives []slo.Objective, logger *slog.Logger) (*promsource.Source, error) {
	for _, s := range c.Sources {
		if s.Name == name {
			return promsource.New(s, objectives, promsource.Options{Logger: logger})
		}
	}
	return nil, fmt.Errorf("there is no source %q in the configuration; add it under sources", name)
}

// HistoryOf reads what a source knows of an objective in [from, to), wherever the daemon itself
// measures it.
func HistoryOf(ctx context.Context, c *config.Config, name string, o slo.Objective, from, to time.Time, progress func(promsource.Progress), logger *slog.Logger) (*simulate.History, error) {
	o.Indicator.Source = name
	source, err := newSource(c, name, []slo.Objective{o}, logger)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	h := simulate.NewHistory(o.Name)
	record := func(minutes iter.Seq2[time.Time, []slo.Delta]) (taken int, err error) {
		for minute, deltas := range minutes {
			if len(deltas) > 0 {
				err = h.Add(minute, deltas)
			}
			if err != nil {
				return taken, err
			}
			taken++
		}
		return taken, nil
	}
	return h, source.Backfill(ctx, from, to, record, progress)
}

// History reads what the ledger holds of an objective up to a time, raw: exclusions are laid over
// it when it is replayed. Minutes in which others alone were measured are in it, because they were
// watched.
func (o *Offline) History(objective string, to time.Time) (*simulate.History, error) {
	return simulate.Load(func(yield func(simulate.Minute, error) bool) {
		var m simulate.Minute
		stopped := errors.New("stopped")
		err := o.Ledger.Minutes(time.Time{}, to, func(slo.Instance) bool { return true }, func(e *ledger.Entry) error {
			if !e.Until.IsZero() {
				return nil // of a history that ended: it measured something else
			}
			if !e.Minute.Equal(m.At) {
				if !m.At.IsZero() && !yield(m, nil) {
					return stopped
				}
				m.At, m.Deltas = e.Minute, m.Deltas[:0]
			}
			m.Deltas = append(m.Deltas, slo.Delta{Instance: e.Instance, Counts: e.Counts, Carried: !e.Measured})
			return nil
		})
		switch {
		case errors.Is(err, stopped):
		case err != nil:
			yield(simulate.Minute{}, err)
		case !m.At.IsZero():
			yield(m, nil)
		}
	}, objective)
}
