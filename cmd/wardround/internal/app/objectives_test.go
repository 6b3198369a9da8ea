package app

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKindIsTheCauseWithoutItsNumbers: what the log says once must be told from what it has said,
// however often it is wrapped and joined on the way.
func TestKindIsTheCauseWithoutItsNumbers(t *testing.T) {
	full := func(minutes int) error {
		return errors.Join(nil, fmt.Errorf("write %d minutes: %w", minutes, fmt.Errorf("sync: %w", syscall.ENOSPC)))
	}
	require.Equal(t, kind(full(1)), kind(full(2)))
	require.Equal(t, syscall.ENOSPC.Error(), kind(full(1)))
	require.NotEqual(t, kind(full(1)), kind(fmt.Errorf("write 1 minutes: %w", syscall.EIO)))
	require.Equal(t, "plain", kind(errors.New("plain")))
}
