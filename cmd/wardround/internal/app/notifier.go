package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo/alert"
)

// notifier is the way to the Alertmanagers of one configuration, running from connect to stop.
type notifier struct {
	*alert.Notifier
	metrics *alert.Metrics
	cancel  context.CancelFunc
	running conc.WaitGroup
}

func newNotifier(c *config.Config, o Options, metrics *alert.Metrics) (*notifier, error) {
	to := alert.NotifierOptions{
		Interval: min(c.Rounds.Interval, alert.DefaultInterval), ResendDelay: c.Alerting.ResendDelay,
		Silences: c.Alerting.Silences, SilenceOwner: owner(c.Alerting.Labels), Page: o.page(),
		Logger: o.Logger, Metrics: metrics, Tracer: o.Tracer,
	}
	for _, url := range c.Alerting.URLs {
		to.Alertmanagers = append(to.Alertmanagers, alert.Alertmanager{URL: url, Timeout: c.Alerting.Timeout, HTTP: c.Alerting.HTTP})
	}
	n, err := alert.NewNotifier(to)
	if err != nil {
		return nil, err
	}
	return &notifier{Notifier: n, metrics: metrics, cancel: func() {}}, nil
}

// owner tells this daemon's silences from those of others that share an Alertmanager, as its labels
// tell its alerts from theirs.
func owner(labels map[string]string) string {
	if len(labels) == 0 {
		return alert.DefaultSilenceOwner
	}
	parts := []string{alert.DefaultSilenceOwner}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.NewReplacer("/", "_", "[", "_", "]", "_").Replace(strings.Join(parts, " "))
}

// page says where people read about an alert's objective; nil where the daemon does not know its
// own address.
func (o Options) page() func(labels map[string]string) string {
	if o.ExternalURL == "" {
		return nil
	}
	return func(labels map[string]string) string {
		return strings.TrimRight(o.ExternalURL, "/") + "/objectives#" + labels[alert.ObjectiveLabel]
	}
}

// connect makes n the way to the Alertmanagers in place of the one before, which it ends.
func (a *App) connect(n *notifier) {
	if a.notifier != nil && a.notifier != n {
		a.notifier.stop()
	}
	a.notifier = n
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(a.ctx)
	n.running.Go(func() { n.Run(ctx) })
	a.objectives.alerts.Connect(n.Notifier)
}

// silence makes silences of the exclusions that are in force or near. The caller holds the lock.
func (a *App) silence() {
	if !a.config.Load().Alerting.Silences {
		return
	}
	var all []alert.Silence
	for _, x := range a.excluded.Load().standing() {
		if s, now := alert.SilenceOf(&x, a.config.Load().Alerting.Labels, time.Now()); now {
			all = append(all, s)
		}
	}
	a.notifier.PublishSilences(all)
}

func (n *notifier) stop() {
	n.cancel()
	n.running.Wait()
}

func joinClosed(err, closing error) error { return errors.Join(err, closing) }
