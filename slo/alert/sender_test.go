package alert

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// fakeServer notes what is posted to it and answers as it is told.
type fakeServer struct {
	mu     sync.Mutex
	posts  []fakePost
	answer func(context.Context, models.PostableAlerts) error
}

type fakePost struct {
	at     time.Time
	alerts models.PostableAlerts
}

func (f *fakeServer) post(ctx context.Context, alerts models.PostableAlerts) error {
	f.mu.Lock()
	f.posts = append(f.posts, fakePost{time.Now(), alerts})
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(ctx, alerts)
	}
	return nil
}

func (f *fakeServer) close() {}

func (f *fakeServer) answers(answer func(context.Context, models.PostableAlerts) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fakeServer) taken() []fakePost {
	f.mu.Lock()
	defer f.mu.Unlock()
	posts := f.posts
	f.posts = nil
	return posts
}

var (
	refused     = &url.Error{Op: "Post", URL: "http://am", Err: errors.New("connection refused")}
	errRejected = errors.New("bad request")
)

func down(context.Context, models.PostableAlerts) error { return refused }

func hangs(ctx context.Context, _ models.PostableAlerts) error {
	<-ctx.Done()
	return ctx.Err()
}

// rig is an Engine, and a Notifier to fake servers, in a bubble of fake time.
type rig struct {
	engine  *Engine
	metrics *Metrics
	log     *bytes.Buffer
	spans   *tracetest.SpanRecorder
	servers []*fakeServer
}

func newRig(t *testing.T, servers int) *rig {
	t.Helper()
	r := &rig{metrics: NewMetrics(), log: new(bytes.Buffer), spans: tracetest.NewSpanRecorder()}
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(r.spans))
	options := NotifierOptions{
		Logger: logger, Metrics: r.metrics, BatchSize: 2, Tracer: provider.Tracer("test"),
	}
	require.NoError(t, options.validate())
	n := &Notifier{}
	for i := range servers {
		server := &fakeServer{}
		s := newSender(options, &amClient{name: string(rune('a' + i))})
		s.client = server
		n.senders = append(n.senders, s)
		r.servers = append(r.servers, server)
	}
	var err error
	r.engine, err = Open(Options{Dir: t.TempDir(), Logger: logger, Metrics: r.metrics}, time.Now())
	require.NoError(t, err)
	r.engine.Connect(n)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

// tick evaluates and lets the senders do what they can at this instant.
func (r *rig) tick(t *testing.T, conditions ...Condition) {
	t.Helper()
	r.engine.Evaluate(t.Context(), time.Now(), conditions)
	synctest.Wait()
}

func (r *rig) minutes(t *testing.T, n int, conditions ...Condition) {
	t.Helper()
	for range n {
		time.Sleep(time.Minute)
		r.tick(t, conditions...)
	}
}

// of are the posted alerts of one name, in order.
func of(posts []fakePost, name string) []*models.PostableAlert {
	var found []*models.PostableAlert
	for _, p := range posts {
		for _, a := range p.alerts {
			if a.Labels[NameLabel] == name {
				found = append(found, a)
			}
		}
	}
	return found
}

func TestSenderTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		c := burn("north", "page", "1h")
		began := time.Now()
		r.tick(t, holds(c))
		r.minutes(t, 3, holds(c))
		told := of(r.servers[0].taken(), BurnName)
		require.Len(t, told, 4, "at once and after each resend delay")
		for minute, a := range told {
			require.Equal(t, began, time.Time(a.StartsAt), "the start stays")
			require.Equal(t, began.Add(time.Duration(minute+4)*time.Minute), time.Time(a.EndsAt))
		}

		r.minutes(t, 30, c)
		told = of(r.servers[0].taken(), BurnName)
		require.Len(t, told, 15, "the resolution is told for fifteen minutes")
		for _, a := range told {
			require.Equal(t, began, time.Time(a.StartsAt))
			require.Equal(t, began.Add(4*time.Minute), time.Time(a.EndsAt))
		}
	})
}

func TestSenderTellsChangesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.tick(t)
		r.servers[0].taken()
		time.Sleep(time.Second)
		r.tick(t, holds(burn("north", "page", "1h")))
		posts := r.servers[0].taken()
		require.Len(t, posts, 1)
		require.Len(t, posts[0].alerts, 1, "only what is new: the Watchdog is not yet due")
		require.Empty(t, of(posts, WatchdogName))
		time.Sleep(time.Second)
		r.tick(t, holds(burn("north", "page", "1h")))
		require.Empty(t, r.servers[0].taken(), "nothing is due")
	})
}

func TestSenderPage(t *testing.T) {
	s := newSenderTo(t, &fakeServer{})
	for page, want := range map[string]string{
		"https://wardround.test/objectives/login": "https://wardround.test/objectives/login",
		"/objectives/login":                       "",
		"":                                        "",
		"http://%zz":                              "",
	} {
		s.page = func(labels map[string]string) string {
			require.Equal(t, "north", labels[TenantLabel])
			return page
		}
		c := burn("north", "page", "1h")
		told := s.postable(&Snapshot{EvaluatedAt: start}, []Alert{{Labels: c.Labels, StartsAt: start}})
		require.Equal(t, want, string(told[0].GeneratorURL))
	}
}

func TestSenderPendingIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		c := holds(burn("north", "page", "1h"))
		c.For = time.Hour
		r.tick(t, c)
		require.Empty(t, of(r.servers[0].taken(), BurnName))
	})
}

func TestSenderFrozenStandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		c := burn("north", "page", "1h")
		r.tick(t, holds(c))
		c.Unknown = true
		r.minutes(t, 60, c)
		told := of(r.servers[0].taken(), BurnName)
		require.Len(t, told, 61)
		require.True(t, time.Time(told[60].EndsAt).After(time.Now()), "neither resolved nor left to end")
	})
}

// TestSenderEvaluationStops shows the dead man's switch: without evaluations nothing prolongs an alert, not even for a
// server that hears of it late.
func TestSenderEvaluationStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.servers[1].answers(down)
		r.tick(t)
		time.Sleep(time.Hour)
		r.servers[1].taken()
		r.servers[1].answers(nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, server := range r.servers {
			told := of(server.taken(), WatchdogName)
			require.Len(t, told, 1)
			require.Equal(t, 4*time.Minute, time.Time(told[0].EndsAt).Sub(time.Time(told[0].StartsAt)))
		}
	})
}

// TestConnectBeforeEvaluation restarts: what an earlier run left is not told before anybody has looked.
func TestConnectBeforeEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.tick(t, holds(burn("north", "page", "1h")))
		r.servers[0].taken()
		again, err := Open(Options{Dir: r.engine.options.Dir, Logger: slog.New(slog.DiscardHandler)}, time.Now())
		require.NoError(t, err)
		require.Len(t, again.Alerts(), 2)
		s := newSenderTo(t, r.servers[0])
		again.Connect(&Notifier{senders: []*sender{s}})
		require.Nil(t, s.latest.Load())
		again.Evaluate(t.Context(), time.Now(), nil)
		require.Len(t, s.latest.Load().Alerts, 2)
	})
}

func TestAlertmanagerDownForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		dead, alive := r.servers[0], r.servers[1]
		north, south := burn("north", "page", "1h"), burn("south", "page", "1h")
		began := time.Now()
		r.tick(t, holds(north), south)
		dead.answers(down)
		r.minutes(t, 30, holds(north), south)
		r.minutes(t, 30, north, holds(south))
		require.Len(t, of(alive.taken(), BurnName), 1+30+15+30, "the other one hears all in time")
		failed := dead.taken()[1:] // the first was taken: the server went down after it
		require.Less(t, len(failed), 60*4, "it is not hammered")
		require.Greater(t, len(failed), 60, "and not given up")
		require.Equal(t, 1, bytes.Count(r.log.Bytes(), []byte("alerts do not reach alertmanager")), "logged once")
		lost := 0
		for _, post := range failed {
			lost += len(post.alerts)
		}
		require.Equal(t, float64(lost), countOf(t, r.metrics.notifications.WithLabelValues("a", outcomeUnreachable)))

		dead.answers(nil)
		time.Sleep(slowestPace * 2)
		synctest.Wait()
		told := of(dead.taken(), BurnName)
		require.Len(t, told, 1, "what stands now, and nothing of what passed")
		require.Equal(t, "south", told[0].Labels["tenant"])
		require.Equal(t, began.Add(31*time.Minute), time.Time(told[0].StartsAt))
		require.Contains(t, r.log.String(), "alertmanager takes alerts again")
	})
}

func TestAlertmanagerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.servers[0].answers(hangs)
		c := holds(burn("north", "page", "1h"))
		r.tick(t, c)
		r.minutes(t, 5, c)
		require.Len(t, of(r.servers[1].taken(), BurnName), 6, "the other one is not delayed")
		require.Len(t, r.servers[0].taken(), 1)
	})
}

func TestAlertmanagerRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.servers[0].answers(func(_ context.Context, alerts models.PostableAlerts) error {
			if alerts[0].Labels["tenant"] == "a" {
				return errRejected
			}
			return nil
		})
		r.tick(t, holds(burn("a", "page", "1h")), holds(burn("b", "page", "1h")),
			holds(burn("c", "ticket", "1h")), holds(burn("d", "ticket", "1h")))
		require.Len(t, of(r.servers[0].taken(), BurnName), 4, "one rejected batch keeps no other back")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, post := range r.servers[0].taken() {
			require.Len(t, of([]fakePost{post}, BurnName), 2, "only the rejected batch is tried again")
		}
		require.Contains(t, r.log.String(), "outcome=rejected")
	})
}

func TestSenderSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.servers[0].answers(down)
		r.tick(t)
		r.servers[0].answers(nil)
		time.Sleep(slowestPace)
		synctest.Wait()
		spans := r.spans.Ended()
		require.Len(t, spans, 2)
		require.Equal(t, "alert.push", spans[0].Name())
		require.Equal(t, codes.Error, spans[0].Status().Code)
		require.Equal(t, codes.Unset, spans[1].Status().Code)
		attributes := make(map[string]string)
		for _, kv := range spans[1].Attributes() {
			attributes[string(kv.Key)] = kv.Value.Emit()
		}
		require.Equal(t, map[string]string{"alertmanager": "a", "alerts": "1", "outcome": "sent"}, attributes)
	})
}

// TestConnectAgain replaces the notifier, as a reload does: the new one learns what stands without an evaluation.
func TestConnectAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.tick(t, holds(burn("north", "page", "1h")))
		r.servers[0].taken()
		next := &Notifier{senders: []*sender{newSenderTo(t, r.servers[0])}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { next.Run(ctx); close(ended) }()
		r.engine.Connect(next)
		synctest.Wait()
		require.Len(t, of(r.servers[0].taken(), BurnName), 1)
		cancel()
		<-ended
	})
}

func newSenderTo(t *testing.T, server *fakeServer) *sender {
	t.Helper()
	options := NotifierOptions{Logger: slog.New(slog.DiscardHandler)}
	require.NoError(t, options.validate())
	s := newSender(options, &amClient{name: "again"})
	s.client = server
	return s
}
