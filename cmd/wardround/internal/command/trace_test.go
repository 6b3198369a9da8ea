package command

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTracesOnlyWhereAsked sends spans to the endpoint that the environment names, and makes none
// where it names none or says that there shall be none.
func TestTracesOnlyWhereAsked(t *testing.T) {
	var requests atomic.Int32
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer sink.Close()
	for _, tc := range []struct {
		name        string
		environment map[string]string
		sent        bool
	}{
		{"nothing is set", nil, false},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL}, true},
		{"an endpoint for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": sink.URL + "/v1/traces"}, true},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL, "OTEL_SDK_DISABLED": "true"}, false},
		{"no exporter of traces", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL, "OTEL_TRACES_EXPORTER": "none"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requests.Store(0)
			for name, value := range tc.environment { // the exporter reads it from there
				t.Setenv(name, value)
			}
			tracer, flush, err := newTracer(t.Context(), func(name string) string { return tc.environment[name] }, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			_, span := tracer.Start(t.Context(), "visit")
			require.Equal(t, tc.sent, span.IsRecording(), "a span that goes nowhere costs nothing")
			span.End()
			flush()
			require.Equal(t, tc.sent, requests.Load() > 0)
		})
	}
}
