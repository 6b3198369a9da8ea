package backup

import (
	"context"
	"testing"
	"time"

	"github.com/wardround/wardround/collectors"
)

// contextWithDeadline ends as the rounds end a visit that takes too long.
func contextWithDeadline(t *testing.T, limit time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeoutCause(t.Context(), limit, collectors.Because(collectors.ReasonTimeout, context.DeadlineExceeded))
}
