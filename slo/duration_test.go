package slo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * Day, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "90s": 90 * time.Second, "1d12h": 36 * time.Hour,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseDuration(FormatDuration(got))
		require.NoError(t, err)
		require.Equal(t, want, again)
	}
	require.Equal(t, "28d", FormatDuration(28*Day))
	require.Equal(t, "1m30s", FormatDuration(90*time.Second))
	for _, text := range []string{"", "5", "0m", "m", "5m1h", "-5m", "1.5h", "5 m", "1y", "99999999999999w", "2000000000w"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}
