package probe

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// settling lets a visit end only when the server of the same process has let its connections go.
type settling struct {
	collectors.Collector
	t    *testing.T
	site *site
}

func settle(t *testing.T, s *site, v collectors.Visit) collectors.Visit {
	v.Collector = settling{v.Collector, t, s}
	return v
}

// Collect waits for the server's side of the connections, which is in this process too.
func (s settling) Collect(ctx context.Context, b *collectors.Builder) error {
	err := s.Collector.Collect(ctx, b)
	require.Eventually(s.t, func() bool { return s.site.open.Load() == 0 }, time.Second, time.Millisecond)
	return err
}
