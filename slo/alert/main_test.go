package alert

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(mortalDir); dir != "" {
		os.Exit(mortal(context.Background(), dir, os.Getenv(mortalFrom))) //nolint:forbidigo // here it is main
	}
	goleak.VerifyTestMain(m)
}

// start is when the histories of these tests begin.
var start = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return start.Add(time.Duration(minutes * float64(time.Minute))) }

// burn is a condition of one objective and tenant.
func burn(tenant, severity, window string) Condition {
	return Condition{
		Labels: map[string]string{
			NameLabel: BurnName, ObjectiveLabel: "login-works", QuestionLabel: "healthy",
			SeverityLabel: severity, LongWindowLabel: window, "tenant": tenant,
		},
		Annotations: map[string]string{"summary": "login fails for " + tenant},
	}
}

func holds(c Condition) Condition {
	c.Holds = true
	return c
}

// countOf reads a counter.
func countOf(t *testing.T, counter prometheus.Counter) float64 {
	t.Helper()
	var read dto.Metric
	require.NoError(t, counter.Write(&read))
	return read.GetCounter().GetValue()
}
