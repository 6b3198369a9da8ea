package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	alertapi "github.com/prometheus/alertmanager/api/v2/client/alert"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// hook is the receiver behind Alertmanager: it notes each notification as "firing north" or "resolved north".
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, a := range message.Alerts {
			h.told = append(h.told, a.Status+" "+a.Labels["tenant"])
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) notes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.told)
}

// config tells of every alert but the Watchdog at once, and of each change soon after.
func (h *hook) config() string {
	return strings.ReplaceAll(`
route:
  receiver: hook
  group_by: [objective, tenant, severity]
  group_wait: 0s
  group_interval: 100ms
  repeat_interval: 4h
  routes: [{receiver: nobody, matchers: [alertname="Watchdog"]}]
receivers:
  - name: nobody
  - name: hook
    webhook_configs: [{url: HOOK, send_resolved: true}]
`, "HOOK", h.URL)
}

// daemon is an Engine and a Notifier on a storage directory, as serve has them.
type daemon struct {
	*Engine
	stop func()
}

func newDaemon(t *testing.T, dir string, servers ...*platform.Monitor) *daemon {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	engine, err := Open(Options{Dir: dir, Logger: logger}, time.Now())
	require.NoError(t, err)
	options := NotifierOptions{Logger: logger, ResendDelay: time.Millisecond}
	for _, server := range servers {
		options.Alertmanagers = append(options.Alertmanagers, Alertmanager{URL: server.URL()})
	}
	notifier, err := NewNotifier(options)
	require.NoError(t, err)
	engine.Connect(notifier)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { notifier.Run(ctx); close(ended) }()
	d := &daemon{Engine: engine, stop: func() { cancel(); <-ended }}
	t.Cleanup(d.stop)
	return d
}

func (d *daemon) evaluate(t *testing.T, conditions ...Condition) {
	t.Helper()
	d.Evaluate(t.Context(), time.Now(), conditions)
}

// shownBy returns what the Alertmanager shows as active, by tenant; the Watchdog as "".
func shownBy(t *testing.T, server *platform.Monitor) map[string]*models.GettableAlert {
	t.Helper()
	c := clientTo(t, Alertmanager{URL: server.URL()})
	answer, err := c.api.GetAlerts(alertapi.NewGetAlertsParamsWithContext(t.Context()))
	require.NoError(t, err)
	shown := make(map[string]*models.GettableAlert)
	for _, a := range answer.Payload {
		shown[a.Labels["tenant"]] = a
	}
	return shown
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 20*time.Millisecond, what)
}

// TestAlertmanager takes an alert through its life in a real Alertmanager: it arrives, our restart neither resolves it
// nor tells it anew, it resolves, and everybody is told exactly twice.
func TestAlertmanager(t *testing.T) {
	receiver := newHook(t)
	server := platform.AlertmanagerForTest(t, receiver.config())
	dir := t.TempDir()
	c := burn("north", "page", "1h")

	first := newDaemon(t, dir, server)
	first.evaluate(t, holds(c))
	eventually(t, func() bool { return len(shownBy(t, server)) == 2 }, "the alert and the Watchdog arrive")
	eventually(t, func() bool { return len(receiver.notes()) == 1 }, "the receiver is told")
	before := shownBy(t, server)["north"]
	require.Equal(t, "login fails for north", before.Annotations["summary"])
	require.Equal(t, "page", before.Labels[SeverityLabel])
	require.Equal(t, first.Alerts()[0].Fingerprint(), *before.Fingerprint)
	first.stop()

	second := newDaemon(t, dir, server)
	second.evaluate(t) // the tenant is not discovered yet
	second.evaluate(t, holds(c))
	updated := func() bool {
		return time.Time(*shownBy(t, server)["north"].UpdatedAt).After(time.Time(*before.UpdatedAt))
	}
	eventually(t, updated, "it is told again")
	after := shownBy(t, server)["north"]
	require.Equal(t, *before.Fingerprint, *after.Fingerprint)
	require.Equal(t, before.StartsAt, after.StartsAt)
	require.True(t, time.Time(*after.EndsAt).After(time.Now()))

	second.evaluate(t, c)
	eventually(t, func() bool { return len(shownBy(t, server)) == 1 }, "it resolves")
	eventually(t, func() bool { return len(receiver.notes()) == 2 }, "the receiver is told of it")
	require.Equal(t, []string{"firing north", "resolved north"}, receiver.notes(), "no more and no less")
}

// TestAlertmanagerComesBack takes down one of two. The other one hears all in time, and the one that returns with no
// memory at all learns what stands, and only that.
func TestAlertmanagerComesBack(t *testing.T) {
	receiver := newHook(t)
	frail, firm := platform.AlertmanagerForTest(t, receiver.config()), platform.AlertmanagerForTest(t, receiver.config())
	north, south := burn("north", "page", "1h"), burn("south", "page", "1h")
	d := newDaemon(t, t.TempDir(), frail, firm)
	d.evaluate(t, holds(north))
	eventually(t, func() bool { return len(shownBy(t, frail)) == 2 && len(shownBy(t, firm)) == 2 }, "both know")

	require.NoError(t, frail.Kill())
	d.evaluate(t, north, holds(south))
	eventually(t, func() bool {
		shown := shownBy(t, firm)
		return shown["south"] != nil && shown["north"] == nil
	}, "the other one hears all in time")

	require.NoError(t, frail.Start(t.Context()))
	eventually(t, func() bool { return len(shownBy(t, frail)) == 2 }, "it learns what stands")
	require.Contains(t, shownBy(t, frail), "south")
	require.NotContains(t, shownBy(t, frail), "north")
}

// TestAlertmanagerOverABadWire lets requests hang and connections break: the other one hears all in time, and what lies
// behind the wire learns what stands once it heals.
func TestAlertmanagerOverABadWire(t *testing.T) {
	receiver := newHook(t)
	far, near := platform.AlertmanagerForTest(t, receiver.config()), platform.AlertmanagerForTest(t, receiver.config())
	wire := platform.Proxy(t, far.Addr())
	metrics := NewMetrics()
	n, err := NewNotifier(NotifierOptions{
		Logger: slog.New(slog.DiscardHandler), Metrics: metrics, ResendDelay: time.Millisecond,
		Alertmanagers: []Alertmanager{{URL: "http://" + wire.Addr(), Timeout: 200 * time.Millisecond}, {URL: near.URL()}},
	})
	require.NoError(t, err)
	d := newDaemon(t, t.TempDir())
	d.Connect(n)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	for outcome, fault := range map[string]func(){outcomeTimeout: wire.Hang, outcomeUnreachable: wire.Reset} {
		tenant := "during-" + outcome
		fault()
		d.evaluate(t, holds(burn(tenant, "page", "1h")))
		eventually(t, func() bool { return shownBy(t, near)[tenant] != nil }, "the other one hears it")
		eventually(t, func() bool {
			return countOf(t, metrics.notifications.WithLabelValues("http://"+wire.Addr(), outcome)) > 0
		}, outcome)
		wire.Heal()
		eventually(t, func() bool { return shownBy(t, far)[tenant] != nil }, "it learns what stands")
	}
}

// TestAlertmanagerManyAlerts sends more than one batch.
func TestAlertmanagerManyAlerts(t *testing.T) {
	receiver := newHook(t)
	server := platform.AlertmanagerForTest(t, receiver.config())
	d := newDaemon(t, t.TempDir(), server)
	var all []Condition
	for i := range 2*DefaultBatchSize + 1 {
		all = append(all, holds(burn(fmt.Sprintf("tenant%d", i), "ticket", "1d")))
	}
	d.evaluate(t, all...)
	eventually(t, func() bool { return len(shownBy(t, server)) == len(all)+1 }, "all arrive")
}
