package collectortest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	metricBeds = &collectors.Metric{Name: "ward_beds", Labels: []string{"room"}, Help: "Beds", Source: "ward"}
	metricSeen = &collectors.Metric{Name: "ward_seen_timestamp_seconds", Unit: "seconds", Help: "When it was seen", Source: "ward"}
	metricIn   = &collectors.Metric{Name: "ward_admissions_total", Type: collectors.Counter, Help: "Admissions", Source: "ward"}
	metricMs   = &collectors.Metric{Name: "ward_wait_ms", Help: "Wait", Source: "ward"}
)

const canary = "CANARY-7"

// ward is a suite whose catalogue is that of the fakes here.
func ward() Suite {
	return Suite{
		Catalogue: collectors.Catalogue{metricBeds, metricSeen, metricIn, metricMs},
		Canaries:  []string{canary},
	}
}

// fake is a collector that does what its test says.
type fake func(ctx context.Context, b *collectors.Builder) error

func (f fake) Collect(ctx context.Context, b *collectors.Builder) error { return f(ctx, b) }

func visit(f fake) collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: "ward", Target: "north"}, Collector: f, Timeout: 200 * time.Millisecond}
}

func good(ctx context.Context, b *collectors.Builder) error {
	b.Set(metricBeds, 4, "a")
	b.Set(metricSeen, float64(b.At().Unix()))
	return context.Cause(ctx)
}

func TestRunAcceptsAGoodCollector(t *testing.T) {
	s := ward()
	s.Want = []string{"ward_beds", "ward_seen_timestamp_seconds"}
	s.New = func(*testing.T, *slog.Logger) collectors.Visit { return visit(good) }
	s.Broken = map[string]Broken{
		"hangs": {Reason: collectors.ReasonTimeout, New: func(*testing.T, *slog.Logger) collectors.Visit {
			return visit(func(ctx context.Context, _ *collectors.Builder) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
		}},
		"refuses": {Reason: collectors.ReasonUnreachable, New: func(*testing.T, *slog.Logger) collectors.Visit {
			return visit(func(context.Context, *collectors.Builder) error {
				return collectors.Because(collectors.ReasonUnreachable, errors.New("refused"))
			})
		}},
	}
	Run(t, s)
}

func TestHealthySeesWhatIsWrong(t *testing.T) {
	also := func(extra func(b *collectors.Builder)) fake {
		return func(ctx context.Context, b *collectors.Builder) error {
			extra(b)
			return good(ctx, b)
		}
	}
	find := func(f collectors.Finding) fake { return also(func(b *collectors.Builder) { b.Find(f) }) }
	stranger := &collectors.Metric{Name: "ward_stranger", Help: "Not announced", Source: "ward"}
	cases := map[string]struct {
		collector fake
		want      string
	}{
		"fails":   {func(context.Context, *collectors.Builder) error { return errors.New("no") }, "visit 1 failed (other): no"},
		"panics":  {func(context.Context, *collectors.Builder) error { panic("no") }, "visit 1 failed (panic)"},
		"nothing": {func(ctx context.Context, _ *collectors.Builder) error { return context.Cause(ctx) }, "brought no sample"},
		"missing": {func(ctx context.Context, b *collectors.Builder) error {
			b.Set(metricSeen, 1.7e9)
			return context.Cause(ctx)
		}, "ward_beds is missing"},
		"uncatalogued":    {also(func(b *collectors.Builder) { b.Set(stranger, 1) }), "ward_stranger is not in the catalogue"},
		"milliseconds":    {also(func(b *collectors.Builder) { b.SetFor("t", metricSeen, 1.7e12) }), "not a moment"},
		"zero moment":     {also(func(b *collectors.Builder) { b.SetFor("t", metricSeen, 0) }), "not a moment"},
		"counts down":     {also(func(b *collectors.Builder) { b.Set(metricIn, -1) }), "a counter below zero"},
		"bad unit":        {also(func(b *collectors.Builder) { b.Set(metricMs, 1) }), "ward_wait_ms: metric names should not contain abbreviated units"},
		"two lines":       {also(func(b *collectors.Builder) { b.Set(metricBeds, 1, "a\nb") }), "not a technical name"},
		"canary in label": {also(func(b *collectors.Builder) { b.Set(metricBeds, 1, canary) }), "ward_beds shows the canary"},
		"canary in note":  {also(func(b *collectors.Builder) { b.Notef("saw %s", canary) }), "note shows the canary"},
		"canary in finding": {
			find(collectors.Finding{Name: "f", Question: collectors.Healthy, Severity: collectors.Info, Text: canary}),
			"finding f shows the canary",
		},
		"finding without question": {find(collectors.Finding{Name: "f", Severity: collectors.Info, Text: "x"}), "none of the five questions"},
		"finding without severity": {find(collectors.Finding{Name: "f", Question: collectors.Healthy, Text: "x"}), "no severity"},
		"finding without text":     {find(collectors.Finding{Name: "f", Question: collectors.Healthy, Severity: collectors.Info}), "says nothing"},
		"finding with odd name":    {find(collectors.Finding{Name: "A b"}), "lower case words"},
		"ignores its cancellation": {func(_ context.Context, b *collectors.Builder) error { b.Set(metricBeds, 1, "a"); return nil }, "a cancelled visit succeeded"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := ward()
			s.Want = []string{"ward_beds"}
			require.ErrorContains(t, s.healthy(t.Context(), visit(c.collector)), c.want)
		})
	}
}

func TestBrokenSeesWhatIsWrong(t *testing.T) {
	because := func(err error) fake {
		return func(context.Context, *collectors.Builder) error {
			return collectors.Because(collectors.ReasonAuth, err)
		}
	}
	cases := map[string]struct {
		collector fake
		want      string
	}{
		"succeeds":     {good, "the visit succeeded with 2 samples"},
		"other reason": {because(errors.New("x")), `for the reason "authentication", want "timeout"`},
		"canary in error": {fake(func(context.Context, *collectors.Builder) error {
			return collectors.Because(collectors.ReasonTimeout, errors.New(canary))
		}), "error shows the canary"},
		"canary in what it wrote": {
			func(_ context.Context, b *collectors.Builder) error {
				b.Set(metricBeds, 0, canary)
				return collectors.Because(collectors.ReasonTimeout, errors.New("x"))
			}, "ward_beds shows the canary",
		},
		"canary in a note": {
			func(_ context.Context, b *collectors.Builder) error {
				b.Notef("saw %s", canary)
				return collectors.Because(collectors.ReasonTimeout, errors.New("x"))
			}, "note shows the canary",
		},
		"comes late": {func(ctx context.Context, _ *collectors.Builder) error {
			<-ctx.Done()
			<-time.After(slack + 100*time.Millisecond)
			return context.Cause(ctx)
		}, "and may take 200ms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, ward().broken(t.Context(), visit(c.collector), collectors.ReasonTimeout), c.want)
		})
	}
}

func TestCutShortSeesALateReturn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := visit(func(context.Context, *collectors.Builder) error { return errors.New("at last") })
	require.ErrorContains(t, cutShort(ctx, late, time.Now().Add(-2*slack)), "after it was cancelled")
}

func TestHealthySeesSocketsAddUp(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var open []io.Closer
	defer func() {
		for _, c := range open {
			require.NoError(t, c.Close())
		}
	}()
	leaky := func(ctx context.Context, b *collectors.Builder) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		open = append(open, conn)
		return good(ctx, b)
	}
	require.ErrorContains(t, ward().healthy(t.Context(), visit(leaky)), "visit 2 left")
}

func TestLeftovers(t *testing.T) {
	t.Run("socket", func(t *testing.T) {
		before, err := takeStock()
		require.NoError(t, err)
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorContains(t, briefly(before).leftovers(t.Context()), "sockets outlived their collector")
		require.NoError(t, listener.Close())
		require.NoError(t, before.leftovers(t.Context()))
	})
	t.Run("goroutine", func(t *testing.T) {
		before, err := takeStock()
		require.NoError(t, err)
		stop := make(chan struct{})
		go func() { <-stop }()
		require.ErrorContains(t, briefly(before).leftovers(t.Context()), "a goroutine outlived its collector")
		close(stop)
		require.NoError(t, before.leftovers(t.Context()))
	})
}

// briefly is the stock with less patience: there is nothing to wait for.
func briefly(s stock) stock {
	s.patience = slack
	return s
}

func TestText(t *testing.T) {
	b := collectors.NewBuilder(collectors.Key{Collector: "ward", Target: "north"}, time.Now())
	b.Set(metricBeds, 4, `a"b`)
	require.Equal(t, "# HELP ward_beds Beds\n# TYPE ward_beds gauge\nward_beds{target=\"north\",room=\"a\\\"b\"} 4\n", string(Text(b.Batch())))
}
