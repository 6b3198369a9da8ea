package app

import (
	"errors"
	"maps"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
)

// Reload reads the configuration again. All that can fail is done first: on an error the old
// configuration goes on whole. What did not change keeps its counters, rounds and alerts.
func (a *App) Reload() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.reload()
	a.metrics.loaded(time.Now(), err)
	if err != nil {
		a.configured(time.Now(), nil, false)
		a.options.Logger.Error("configuration was not changed", "error", err)
		return err
	}
	a.configured(time.Now(), a.config.Load(), true)
	a.options.Logger.Info("configuration was read", "file", a.options.ConfigFile, "hash", a.config.Load().Hash)
	return nil
}

func (a *App) reload() error {
	c, err := config.Load(a.options.ConfigFile)
	if err != nil {
		return err
	}
	if err := a.fixed(c); err != nil {
		return err
	}
	next, err := newTargets(c, a.targets.Load(), a.targetOptions(c))
	if err != nil {
		return err
	}
	notifier, err := newNotifier(c, a.options, a.notifier.metrics)
	if err != nil {
		return joinClosed(err, next.close(a.targets.Load()))
	}
	sources := a.following.Load()
	if !sources.same(c) {
		if sources, err = a.newSources(c); err != nil {
			return joinClosed(err, next.close(a.targets.Load()))
		}
		a.following.Load().stop() // what it still reads is of the promises of before
	}
	if err := errors.Join(a.promise(c), a.changes.Update(c.Changes)); err != nil {
		return joinClosed(errors.Join(err, a.restore(sources)), next.close(a.targets.Load()))
	}
	a.adopt(c, next, notifier, sources)
	return nil
}

// fixed refuses to change what stands for the life of the process.
func (a *App) fixed(c *config.Config) error {
	now := a.config.Load()
	switch {
	case !maps.Equal(c.Alerting.Labels, now.Alerting.Labels):
		return errors.New("alertmanager.labels cannot change while the daemon runs, because alerts are known by them; restart it")
	case c.Ledger.Retention != now.Ledger.Retention:
		return errors.New("ledger.retention cannot change while the daemon runs; restart it")
	}
	return nil
}

// restore goes back to the promises and sources in use, from others that were prepared.
func (a *App) restore(prepared *sources) error {
	now := a.config.Load()
	err := errors.Join(a.promise(now), a.changes.Update(now.Changes))
	if prepared == a.following.Load() {
		return err
	}
	prepared.stop()
	sources, failed := a.newSources(now)
	if failed == nil {
		a.following.Store(sources)
		sources.start(a)
	}
	return errors.Join(err, failed)
}

// adopt puts a configuration to use. What goes wrong from here on is said, and tried again with
// the next visit or reload.
func (a *App) adopt(c *config.Config, next *targets, notifier *notifier, sources *sources) {
	a.config.Store(c)
	old := a.targets.Swap(next)
	a.connect(notifier)
	a.silence()
	if a.following.Swap(sources) != sources {
		sources.start(a)
	}
	if err := errors.Join(a.rounds.Retime(timing(c)), a.settle()); err != nil {
		a.options.Logger.Error("the new configuration is in use, but not everything is visited as it says", "error", err)
	}
	if err := old.close(next); err != nil {
		a.options.Logger.Warn("a former target was not closed well", "error", err)
	}
}

// promise makes these the promises and their exclusions; on an error those of before stand.
func (a *App) promise(c *config.Config) error {
	if err := a.objectives.replace(c); err != nil {
		return err
	}
	excluded := a.excluded.Load().with(c.Exclusions)
	if err := a.objectives.except(excluded.standing()); err != nil {
		return errors.Join(err, a.objectives.replace(a.config.Load()))
	}
	a.excluded.Store(&excluded)
	return nil
}
