package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	promconfig "github.com/prometheus/common/config"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Alertmanager is one server to tell.
type Alertmanager struct {
	URL     string                      // http or https, with the path prefix if it has one; no user or password
	Timeout time.Duration               // of one request; zero is DefaultTimeout
	HTTP    promconfig.HTTPClientConfig // TLS, basic auth, bearer tokens, proxies; zero is a plain client
}

// Defaults of NotifierOptions.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultInterval    = time.Minute
	DefaultResendDelay = time.Minute
	DefaultBatchSize   = 256

	DefaultSilenceOwner = "wardround"
)

// NotifierOptions are what a Notifier needs. Logger is required; no Alertmanager at all is allowed.
type NotifierOptions struct {
	Alertmanagers []Alertmanager
	Interval      time.Duration // between evaluations; zero is DefaultInterval
	ResendDelay   time.Duration // after which a firing alert is told again; zero is DefaultResendDelay
	BatchSize     int           // alerts in one request at most; zero is DefaultBatchSize
	// Page is where people read about the objective of an alert with these labels, as a whole URL; Alertmanager shows it
	// as the alert's source. What is no URL with a host is left out. Nil makes none.
	Page func(labels map[string]string) string
	// Silences lets what PublishSilences is given become silences. Where it is off, those that stand end by themselves.
	Silences bool
	// SilenceOwner tells our silences from those of other daemons. Replicas of one shard must agree on it, shards must
	// not. Without slashes and brackets; zero is DefaultSilenceOwner.
	SilenceOwner string
	Logger       *slog.Logger
	Metrics      *Metrics     // zero counts into series that nobody sees
	Tracer       trace.Tracer // a span for each push; zero makes none
}

func (o *NotifierOptions) validate() error {
	if o.Logger == nil {
		return errors.New("notifier options: Logger is nil")
	}
	if o.Interval < 0 || o.ResendDelay < 0 || o.BatchSize < 0 {
		return errors.New("notifier options: Interval, ResendDelay and BatchSize must not be negative")
	}
	if strings.ContainsAny(o.SilenceOwner, "/[]") {
		return fmt.Errorf("notifier options: SilenceOwner %q must not contain a slash or a bracket", o.SilenceOwner)
	}
	o.Interval = orDefault(o.Interval, DefaultInterval)
	o.ResendDelay = orDefault(o.ResendDelay, DefaultResendDelay)
	o.BatchSize = orDefault(o.BatchSize, DefaultBatchSize)
	o.SilenceOwner = orDefault(o.SilenceOwner, DefaultSilenceOwner)
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer("")
	}
	return nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Notifier tells all Alertmanagers what stands. Each has a sender of its own, which holds only the latest snapshot:
// one that is down or slow delays no other, needs no queue, and learns the present state when it comes back.
type Notifier struct {
	senders   []*sender
	silencers []*silencer
}

// NewNotifier prepares the senders; nothing is sent before Run. Errors name the Alertmanager and what to change.
func NewNotifier(o NotifierOptions) (*Notifier, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	n := &Notifier{}
	seen := make(map[string]bool)
	for _, am := range o.Alertmanagers {
		c, err := newClient(am)
		if err != nil {
			return nil, fmt.Errorf("alertmanager %s: %w", redacted(am.URL), err)
		}
		if seen[c.name] {
			return nil, fmt.Errorf("alertmanager %s is listed twice", c.name)
		}
		seen[c.name] = true
		n.senders = append(n.senders, newSender(o, c))
		if o.Silences {
			n.silencers = append(n.silencers, newSilencer(o, c))
		}
	}
	return n, nil
}

// Publish makes s the snapshot to tell, in place of the one before. It never waits.
func (n *Notifier) Publish(s Snapshot) {
	for _, sender := range n.senders {
		sender.publish(s)
	}
}

// PublishSilences makes these the silences that shall stand, in place of those before: each Alertmanager gets what it
// lacks, and ours that are not among them end. Before the first call none is touched. It never waits; call it with each
// evaluation, so that a silence that somebody removed comes back. The slice must not be changed afterwards.
func (n *Notifier) PublishSilences(silences []Silence) {
	for _, s := range n.silencers {
		s.publish(silences)
	}
}

// Run sends until ctx is done, and returns when all senders have ended. What is not yet told then is told after the
// next start: resolved alerts are kept for it.
func (n *Notifier) Run(ctx context.Context) {
	var senders sync.WaitGroup
	for _, s := range n.senders {
		senders.Go(func() { s.run(ctx) })
	}
	for _, s := range n.silencers {
		senders.Go(func() { s.run(ctx) })
	}
	senders.Wait()
}
