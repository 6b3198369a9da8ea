package alert

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// poster is what a sender needs of a client.
type poster interface {
	post(context.Context, models.PostableAlerts) error
	close()
}

// sender tells one Alertmanager. Its memory is the latest snapshot and what it told of those alerts, nothing else.
type sender struct {
	courier
	name    string
	client  poster
	lasting time.Duration // how long after its evaluation a firing alert ends by itself
	resend  time.Duration
	batch   int
	page    func(labels map[string]string) string
	logger  *slog.Logger
	metrics *Metrics
	tracer  trace.Tracer

	latest atomic.Pointer[Snapshot]

	// Owned by run.
	told    map[model.Fingerprint]telling
	trouble string // outcome of the last failed push, empty after a good one
}

// telling is what was last told of an alert, and when.
type telling struct {
	startsAt, endsAt time.Time // endsAt is zero while firing
	at               time.Time
}

func newSender(o NotifierOptions, c *amClient) *sender {
	for _, outcome := range outcomes() {
		o.Metrics.notifications.WithLabelValues(c.name, outcome)
	}
	return &sender{
		courier: newCourier(),
		name:    c.name,
		client:  c,
		lasting: 4 * max(o.Interval, o.ResendDelay),
		resend:  o.ResendDelay,
		batch:   o.BatchSize,
		page:    o.Page,
		logger:  o.Logger.With("alertmanager", c.name),
		metrics: o.Metrics,
		tracer:  o.Tracer,
		told:    make(map[model.Fingerprint]telling),
	}
}

func (s *sender) publish(snapshot Snapshot) {
	s.latest.Store(&snapshot)
	s.poke()
}

func (s *sender) run(ctx context.Context) {
	defer s.client.close()
	s.courier.run(ctx, s.flush)
}

// flush tells what is due of the latest snapshot, and says whether all of it was taken. A batch that is rejected does
// not keep the next ones back; a server that does not answer is not asked again for each.
func (s *sender) flush(ctx context.Context) bool {
	snapshot := s.latest.Load()
	var worst error
	for batch := range slices.Chunk(s.due(snapshot, time.Now()), s.batch) {
		err := s.push(ctx, snapshot, batch)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			s.remember(batch, time.Now())
			continue
		}
		worst = err
		if outcomeOf(err) != outcomeRejected {
			break
		}
	}
	s.report(worst)
	return worst == nil
}

// due selects what Alertmanager does not know yet or must hear again, and forgets what is no longer in the snapshot.
func (s *sender) due(snapshot *Snapshot, now time.Time) []Alert {
	var due []Alert
	told := make(map[model.Fingerprint]telling, len(s.told))
	for _, a := range snapshot.Alerts {
		if a.StartsAt.IsZero() || a.Withheld {
			continue // pending, and never fired before; or another one speaks for it
		}
		id := fingerprint(a.Labels)
		before, known := s.told[id]
		if known {
			told[id] = before
		}
		same := known && before.startsAt.Equal(a.StartsAt) && before.endsAt.Equal(a.EndsAt)
		if !same || now.Sub(before.at) >= s.resend {
			due = append(due, a)
		}
	}
	s.told = told
	return due
}

func (s *sender) remember(alerts []Alert, now time.Time) {
	for _, a := range alerts {
		s.told[fingerprint(a.Labels)] = telling{startsAt: a.StartsAt, endsAt: a.EndsAt, at: now}
	}
}

func (s *sender) push(ctx context.Context, snapshot *Snapshot, alerts []Alert) error {
	ctx, span := s.tracer.Start(ctx, "alert.push", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("alertmanager", s.name),
		attribute.Int("alerts", len(alerts)),
	))
	defer span.End()
	err := s.client.post(ctx, s.postable(snapshot, alerts))
	if ctx.Err() != nil && err != nil {
		return err // we are stopping: that is nobody's failure
	}
	outcome := outcomeOf(err)
	span.SetAttributes(attribute.String("outcome", outcome))
	if err != nil {
		span.SetStatus(codes.Error, outcome)
	}
	s.metrics.notifications.WithLabelValues(s.name, outcome).Add(float64(len(alerts)))
	return err
}

// postable says when each alert ends: a resolved one when it did, a firing one soon after its evaluation, so that
// alerts, the Watchdog among them, end by themselves when evaluations stop.
func (s *sender) postable(snapshot *Snapshot, alerts []Alert) models.PostableAlerts {
	postable := make(models.PostableAlerts, 0, len(alerts))
	for _, a := range alerts {
		endsAt := a.EndsAt
		if endsAt.IsZero() {
			endsAt = snapshot.EvaluatedAt.Add(s.lasting)
		}
		postable = append(postable, &models.PostableAlert{
			Alert:       models.Alert{Labels: a.Labels, GeneratorURL: s.generator(a)},
			Annotations: a.Annotations,
			StartsAt:    strfmt.DateTime(a.StartsAt),
			EndsAt:      strfmt.DateTime(endsAt),
		})
	}
	return postable
}

// generator is the page about an alert. Alertmanager refuses a whole batch for one that is no URL.
func (s *sender) generator(a Alert) strfmt.URI {
	if s.page == nil {
		return ""
	}
	page := s.page(a.Labels)
	if u, err := url.Parse(page); err != nil || !u.IsAbs() || u.Host == "" {
		return ""
	}
	return strfmt.URI(page)
}

// report logs a failure when it begins or becomes another one, and its end.
func (s *sender) report(err error) {
	if err == nil {
		s.metrics.lastSuccess.WithLabelValues(s.name).SetToCurrentTime()
		if s.trouble != "" {
			s.logger.Info("alertmanager takes alerts again")
		}
		s.trouble = ""
		return
	}
	if outcome := outcomeOf(err); outcome != s.trouble {
		s.logger.Error("alerts do not reach alertmanager; trying on", "outcome", outcome, "err", err)
		s.trouble = outcome
	}
}
