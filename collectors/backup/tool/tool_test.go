package tool

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHangingToolIsKilledWithItsChildren(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, collectors.Because(collectors.ReasonTimeout, context.DeadlineExceeded))
	defer cancel()
	began := time.Now()
	_, err := Run(ctx, []string{"/bin/sh", "-c", "sleep 120 & echo $! > " + marker + "; wait"})
	require.Equal(t, collectors.ReasonTimeout, collectors.ReasonOf(err), "%v", err)
	require.Less(t, time.Since(began), 10*time.Second)
	pid, err := os.ReadFile(marker)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	}, 5*time.Second, 20*time.Millisecond)
}

func TestRun(t *testing.T) {
	unreadable := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(unreadable, nil, 0o600))
	for name, c := range map[string]struct {
		command []string
		out     string
		reason  collectors.Reason
	}{
		"well":          {[]string{"/bin/echo", "yes"}, "yes\n", ""},
		"with words":    {[]string{"/bin/sh", "-c", "echo yes; echo CANARY >&2"}, "yes\n", ""},
		"ill":           {[]string{"/bin/sh", "-c", "echo part; echo CANARY >&2; exit 3"}, "part\n", collectors.ReasonOther},
		"not there":     {[]string{"/nowhere/pgbackrest"}, "", collectors.ReasonMissing},
		"not to be run": {[]string{unreadable}, "", collectors.ReasonPermission},
		"never enough":  {[]string{"/usr/bin/yes"}, "", collectors.ReasonProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Run(t.Context(), c.command)
			require.Equal(t, c.out, string(out))
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []int
		says string
	}{
		"plain":       {"[1, 2]", []int{1, 2}, ""},
		"among noise": {"WARN: CANARY [9]\n[CANARY\n[1, 2]\nCANARY", []int{1, 2}, ""},
		"nothing":     {"", nil, "there is none"},
		"noise":       {"CANARY", nil, "there is none"},
		"damaged":     {"[1, CANARY]", nil, "damaged at byte 5"},
		"other shape": {`["CANARY"]`, nil, "is not what it should be"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			err := Decode([]byte(c.text), '[', &got)
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "CANARY")
			require.Equal(t, collectors.ReasonProtocol, collectors.ReasonOf(err))
		})
	}
}
