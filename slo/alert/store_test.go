package alert

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openEngine(t *testing.T, dir string, log *bytes.Buffer) *Engine {
	t.Helper()
	e, err := Open(Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(log, nil))}, start)
	require.NoError(t, err)
	return e
}

func TestEngineRestart(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	first := openEngine(t, dir, log)
	require.Len(t, first.Evaluate(t.Context(), at(0), []Condition{holds(burn("north", "page", "1h"))}), 2, "burn and Watchdog")

	second := openEngine(t, dir, log)
	require.Len(t, second.Alerts(), 2, "shown before the first evaluation")
	require.Zero(t, second.Snapshot().EvaluatedAt)
	require.Empty(t, second.Evaluate(t.Context(), at(30), []Condition{holds(burn("north", "page", "1h"))}), "nothing begins anew")
	require.Equal(t, at(0), second.Alerts()[0].StartsAt)

	third := openEngine(t, dir, log)
	steps := third.Evaluate(t.Context(), at(31), nil)
	require.Len(t, steps, 1)
	require.Equal(t, Frozen, steps[0].To, "what is not reported yet is not resolved")
	require.Empty(t, log.String())
}

// TestEngineRestartWhileWaiting stops and starts again within minutes: that is no pause, and the wait goes on.
func TestEngineRestartWhileWaiting(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	c := holds(burn("north", "page", "1h"))
	c.For = 15 * time.Minute
	first := openEngine(t, dir, log)
	for _, minute := range []float64{0, 4, 8} {
		first.Evaluate(t.Context(), at(minute), []Condition{c})
	}
	second := openEngine(t, dir, log)
	second.Evaluate(t.Context(), at(12), []Condition{c})
	require.Len(t, second.Evaluate(t.Context(), at(15), []Condition{c}), 1, "it fires")
}

func TestEngineLabels(t *testing.T) {
	e, err := Open(Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		Labels: map[string]string{"platform": "clinics", "tenant": "nobody"},
	}, start)
	require.NoError(t, err)
	e.Evaluate(t.Context(), at(0), []Condition{holds(burn("north", "page", "1h"))})
	burning, dog := e.Alerts()[0], e.Alerts()[1]
	require.Equal(t, "clinics", burning.Labels["platform"])
	require.Equal(t, "north", burning.Labels["tenant"], "the label of the condition wins")
	require.Equal(t, "clinics", dog.Labels["platform"])
	require.Equal(t, WatchdogName, dog.Labels[NameLabel])
}

func TestEngineTransitions(t *testing.T) {
	var heard []Transition
	dir := t.TempDir()
	e, err := Open(Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler),
		OnTransition: func(_ context.Context, steps []Transition) {
			require.FileExists(t, filepath.Join(dir, stateFile), "written before it is told")
			heard = append(heard, steps...)
		},
	}, start)
	require.NoError(t, err)
	c := burn("north", "page", "1h")
	for minute, letter := range "h?h-" {
		e.Evaluate(t.Context(), at(float64(minute)), report(c, letter))
	}
	var states []State
	for _, step := range heard {
		if step.Alert.Labels[NameLabel] == BurnName {
			states = append(states, step.To)
		}
	}
	require.Equal(t, []State{Firing, Frozen, Firing, Resolved}, states)
}

func TestOpenRefuses(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	later := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(later, stateFile), []byte(`{"version": 2, "alerts": []}`), 0o600))
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, stateFile), 0o700))
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{"no directory", Options{Logger: logger}, "Dir is empty"},
		{"no logger", Options{Dir: t.TempDir()}, "Logger is nil"},
		{"negative forget", Options{Dir: t.TempDir(), Logger: logger, Forget: -1}, "Forget is negative"},
		{"a later release's state", Options{Dir: later, Logger: logger}, "written by a later release (version 2, this one knows 1)"},
		{"unreadable", Options{Dir: folder, Logger: logger}, "read alert state"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.options, start)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestOpenDamaged(t *testing.T) {
	for name, content := range map[string]string{
		"cut off":        `{"version":1,"alerts":[{"labels":{"alertname":"Err`,
		"empty":          ``,
		"something else": `{"hello": "world"}`,
		"unknown state":  `{"version":1,"alerts":[{"labels":{"alertname":"X"},"state":"odd"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir, log := t.TempDir(), new(bytes.Buffer)
			path := filepath.Join(dir, stateFile)
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			e := openEngine(t, dir, log)
			require.Empty(t, e.Alerts())
			require.Contains(t, log.String(), "alert state is damaged")
			kept, err := os.ReadFile(path + ".damaged-20260302T090000Z")
			require.NoError(t, err)
			require.Equal(t, content, string(kept))
			e.Evaluate(t.Context(), at(0), nil)
			require.Len(t, openEngine(t, dir, log).Alerts(), 1)
		})
	}
}

// TestStateAfterCrash leaves a half-written new state behind, as a crash does: the old one counts.
func TestStateAfterCrash(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	openEngine(t, dir, log).Evaluate(t.Context(), at(0), []Condition{holds(burn("north", "page", "1h"))})
	require.NoError(t, os.WriteFile(filepath.Join(dir, stateFile+".new"), []byte(`{"version":1,"al`), 0o600))
	e := openEngine(t, dir, log)
	require.Len(t, e.Alerts(), 2)
	e.Evaluate(t.Context(), at(1), nil)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside the state")
}

// TestStateUnwritable makes writing fail and then work again, as a full disk does.
func TestStateUnwritable(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	metrics := NewMetrics()
	e, err := Open(Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: metrics}, start)
	require.NoError(t, err)
	obstacle := filepath.Join(dir, stateFile+".new")
	require.NoError(t, os.Mkdir(obstacle, 0o700))

	c := holds(burn("north", "page", "1h"))
	require.Len(t, e.Evaluate(t.Context(), at(0), []Condition{c}), 2, "alerts go out all the same")
	e.Evaluate(t.Context(), at(1), []Condition{c})
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("alert state is not written")), "logged once")
	require.InDelta(t, 2, countOf(t, metrics.stateErrors), 0, "counted each time")

	require.NoError(t, os.Remove(obstacle))
	e.Evaluate(t.Context(), at(2), []Condition{c})
	require.Contains(t, log.String(), "alert state is written again")
	require.Equal(t, at(0), openEngine(t, dir, log).Alerts()[0].StartsAt)
}
