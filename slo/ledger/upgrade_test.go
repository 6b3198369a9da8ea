package ledger

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// firstLayout is a folder with a file that the first layout's code wrote:
// minutes 0 to 129 but 70, of which each thirteenth is carried.
func firstLayout(t *testing.T) (dir string, data []byte) {
	t.Helper()
	packed, err := os.ReadFile("testdata/v1.db.gz")
	require.NoError(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	data, err = io.ReadAll(r)
	require.NoError(t, err)
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(ledgerPath(dir), data, 0o600))
	return dir, data
}

func requireUpgraded(t *testing.T, dir string) {
	t.Helper()
	l := open(t, dir)
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.Equal(t, after(130), l.Through())
	want := slo.Tally{Counts: slo.Counts{Good: 129*65 - 70, Bad: 2 * 129}, Measured: 119, Expected: 130}
	require.Equal(t, want, l.Tally(tenant(2), day))
	got, err := l.Sum(tenant(2), start, l.Through())
	require.NoError(t, err)
	require.Equal(t, want, got)
	report, err := l.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Faults)
	require.Nil(t, l.Stats().Recovery)
}

func TestFirstLayoutIsUpgraded(t *testing.T) {
	dir, data := firstLayout(t)
	_, err := Open(dir, Options{Retention: DefaultOptions().Retention, ReadOnly: true})
	require.ErrorContains(t, err, "its layout is version 1; start the daemon once, which upgrades it")
	written := time.Date(2026, time.April, 1, 12, 30, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(ledgerPath(dir), written, written))
	requireUpgraded(t, dir)
	copied, err := os.ReadFile(ledgerPath(dir) + ".v1-20260401T123000Z")
	require.NoError(t, err)
	require.Equal(t, data, copied)
}

// TestInterruptedUpgradeIsRepeated finds what an upgrade leaves that was killed:
// the copy, and a new file that is not whole.
func TestInterruptedUpgradeIsRepeated(t *testing.T) {
	dir, data := firstLayout(t)
	copied, err := keep(ledgerPath(dir), "v1")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ledgerPath(dir)+".new", data[:len(data)/3], 0o600))
	requireUpgraded(t, dir)
	require.Equal(t, []string{copied}, keptBeside(t, dir, "v1"))
	_, err = os.Stat(ledgerPath(dir) + ".new")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFailedUpgradeLeavesTheFile(t *testing.T) {
	dir, data := firstLayout(t)
	require.NoError(t, os.MkdirAll(ledgerPath(dir)+".new/in the way", 0o700))
	_, err := Open(dir, DefaultOptions())
	require.ErrorContains(t, err, "upgrade ledger "+ledgerPath(dir))
	left, err := os.ReadFile(ledgerPath(dir))
	require.NoError(t, err)
	require.Equal(t, data, left)
	require.NoError(t, os.RemoveAll(ledgerPath(dir)+".new"))
	requireUpgraded(t, dir)
}
