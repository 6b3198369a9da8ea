package probe

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// Collect waits for the server's side of the connections, which is in this process too.
func (s settling) Collect(ctx context.Context, b *collectors.Builder) error {
	err := s.Collector.Collect(ctx, b)
	require.Eventually(s.t, func() bool { return s.site.open.Load() == 0 }, time.Second, time.Millisecond)
	return err
}
