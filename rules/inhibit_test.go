package rules

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
	push "github.com/wardround/wardround/slo/alert"
	"github.com/wardround/wardround/testdata/platform"
)

func policiesInUse(t *testing.T) []slo.Policy {
	t.Helper()
	known, err := slo.DefaultPolicies()
	require.NoError(t, err)
	var all []slo.Policy
	for _, p := range known {
		all = append(all, p)
	}
	return all
}

// totalOutage evaluates an objective whose every window is a total outage.
func totalOutage(o *slo.Objective, tenant string) []push.Condition {
	outage := func(d time.Duration) slo.Tally {
		minutes := int64(d / time.Minute)
		return slo.Tally{Counts: slo.Counts{Bad: uint64(minutes)}, Measured: minutes, Expected: minutes}
	}
	e := slo.Evaluate(o, slo.Input{
		Instance: slo.NewInstance(o.Name, slo.Label{Name: "tenant", Value: tenant}), Tier: "shared",
		At: time.Now(), Period: outage(30 * slo.Day), Burn: outage,
	})
	return push.Conditions(o, &e)
}

// slowOutage is a total outage whose fast pairs are over.
func slowOutage(t *testing.T, tenant string) []push.Condition {
	t.Helper()
	slow := totalOutage(login(t), tenant)
	for i := range slow {
		slow[i].Holds = slow[i].Holds && slow[i].Labels["severity"] != "page"
	}
	return slow
}

// TestInhibitRules lets a real Alertmanager apply the rules to alerts as the daemon pushes them.
func TestInhibitRules(t *testing.T) {
	config, err := yaml.Marshal(map[string]any{
		"route":         map[string]any{"receiver": "nobody"},
		"receivers":     []map[string]any{{"name": "nobody"}},
		"inhibit_rules": InhibitRules(policiesInUse(t), []string{"tenant", "target"}),
	})
	require.NoError(t, err)
	server := platform.AlertmanagerForTest(t, string(config))

	engine, err := push.Open(push.Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		Cause: func(labels map[string]string) string {
			return map[string]string{"f": "pg-1", "o": "pg-2"}[labels["tenant"][:1]]
		},
		Folding: push.Folding{Population: func(_, cluster string) int { return map[string]int{"pg-1": 8, "pg-2": 10}[cluster] }},
	}, time.Now())
	require.NoError(t, err)
	notifier, err := push.NewNotifier(push.NotifierOptions{
		Logger: slog.New(slog.DiscardHandler), Alertmanagers: []push.Alertmanager{{URL: server.URL()}},
	})
	require.NoError(t, err)
	engine.Connect(notifier)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { notifier.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })

	all := append(totalOutage(login(t), "north"), slowOutage(t, "south")...)
	early := totalOutage(login(t), "f0") // told before the others of its cluster fall
	all = append(all, early...)
	for _, tenant := range []string{"o0", "o1", "o2", "o3", "o4"} { // of another cluster, where nothing is urgent
		all = append(all, slowOutage(t, tenant)...)
	}
	engine.Evaluate(t.Context(), time.Now(), all)
	for _, tenant := range []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7"} {
		all = append(all, totalOutage(login(t), tenant)...)
	}
	engine.Evaluate(t.Context(), time.Now(), all)
	want := map[string]bool{
		"pg-1 ErrorBudgetBurn page 1h": true, "pg-1 ErrorBudgetExhausted ticket ": true,
		"pg-2 ErrorBudgetBurn ticket 1d": true, "pg-2 ErrorBudgetExhausted ticket ": true,
		"north ErrorBudgetBurn page 1h": true, "north ErrorBudgetExhausted ticket ": true,
		"south ErrorBudgetBurn ticket 1d": true, "south ErrorBudgetExhausted ticket ": true,
		" Watchdog none ": true,
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Equal(c, want, told(c, server.URL()))
	}, time.Minute, 50*time.Millisecond)
}

// told are the alerts that Alertmanager does not suppress.
func told(t require.TestingT, url string) map[string]bool {
	answer, err := http.Get(url + "/api/v2/alerts?inhibited=false")
	require.NoError(t, err)
	defer answer.Body.Close()
	var alerts []struct{ Labels map[string]string }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&alerts))
	told := make(map[string]bool)
	for _, a := range alerts {
		told[cmp.Or(a.Labels["tenant"], a.Labels["cluster"])+" "+a.Labels["alertname"]+" "+a.Labels["severity"]+" "+a.Labels["long_window"]] = true
	}
	http.DefaultClient.CloseIdleConnections()
	return told
}

// TestLabelsOfPush makes sure that generated rules raise the very alerts that the daemon pushes.
func TestLabelsOfPush(t *testing.T) {
	o := login(t)
	for _, source := range []Source{FromDaemon, FromSeries} {
		for _, c := range totalOutage(o, "north") {
			if c.Labels["alertname"] == push.ProjectedName {
				continue // the daemon alone looks ahead
			}
			delete(c.Labels, "tenant") // these two come with the series
			delete(c.Labels, "tier")
			require.Contains(t, alertLabels(t, o, source), c.Labels, source)
		}
	}
}

// alertLabels are the labels of all alert rules, with their names.
func alertLabels(t *testing.T, o *slo.Objective, source Source) []map[string]string {
	t.Helper()
	files, err := Generate([]slo.Objective{*o}, Options{Source: source})
	require.NoError(t, err)
	var read struct {
		Groups []struct {
			Rules []struct {
				Alert  string
				Labels map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(files[0].Content, &read))
	var all []map[string]string
	for _, g := range read.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				r.Labels["alertname"] = r.Alert
				all = append(all, r.Labels)
			}
		}
	}
	return all
}
