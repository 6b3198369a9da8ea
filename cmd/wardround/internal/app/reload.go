package app

import (
	"errors"
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
	next, err := newTargets(c, a.targets, a.targetOptions(c))
	if err != nil {
		return err
	}
	notifier, err := newNotifier(c, a.options, a.notifier.metrics)
	if err != nil {
		return joinClosed(err, next.close(a.targets))
	}
	sources, err := a.newSources(c)
	if err != nil {
		return joinClosed(err, next.close(a.targets))
	}
	if err := a.promise(c); err != nil {
		sources.stop()
		return joinClosed(err, next.close(a.targets))
	}
	if err := a.changes.Update(c.Changes); err != nil {
		sources.stop()
		return joinClosed(errors.Join(err, a.promise(a.config.Load())), next.close(a.targets))
	}
	old := a.targets
	a.config.Store(c)
	a.targets = next
	a.connect(notifier)
	a.silence()
	a.following.Swap(sources).stop()
	sources.start(a)
	if err := a.rounds.Retime(timing(c)); err != nil {
		return err
	}
	if err := a.settle(); err != nil {
		return err
	}
	if err := old.close(next); err != nil {
		a.options.Logger.Warn("a former target was not closed well", "error", err)
	}
	return nil
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
