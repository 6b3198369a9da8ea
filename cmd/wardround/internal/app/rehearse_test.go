package app_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/collectors/backup/rehearse"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// TestRehearsalByTheConfiguration restores the newest of two backups and compares it with what the
// configuration says: the live tables, the copy of the filestore, the disk that may be used.
func TestRehearsalByTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newStage(t, "bounds", patient{name: "north", series: seeds.Series18, listed: true})
	s.exec("north", `INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, payment_state)
		SELECT 'MORE/' || n, 1, 1, 'posted', 'out_invoice', 'no', '2026-01-15', 1, 'not_paid' FROM generate_series(1, 150) n`)
	const empty = "da/da39a3ee5e6b4b0d3255bfef95601890afd80709"
	s.exec("north", "UPDATE ir_attachment SET file_size = 0, store_fname = '"+empty+"'; ANALYZE")
	s.dump("north")
	require.NoError(t, os.Rename(filepath.Join(s.dir, "dumps"), filepath.Join(s.dir, "older")))
	second := time.Now().Unix()
	eventually(t, "the next one has another name", func() bool { return time.Now().Unix() > second })
	s.dump("north")
	s.protected(scratch(t))
	s.unhurried() // what it cannot say is not compared
	const nightly, older = "    - {name: bounds-nightly", "    - {name: bounds-older, dumps: {in: {folder: older}, path: '{database}/{date}.dump'}}\n"
	s.replace(nightly, older+nightly)

	made := func(o app.RehearseOptions) rehearse.Result {
		o.ConfigFile, o.Tenant = s.configure(), "bounds_north"
		result, err := app.Rehearse(t.Context(), o, slog.New(slog.DiscardHandler))
		require.Equal(t, result.Success, err == nil, "%v", err)
		return result
	}
	first := made(app.RehearseOptions{})
	require.True(t, first.Success, first.Reason)
	require.Equal(t, "bounds-nightly", first.Place, "the newest of both")
	require.Zero(t, first.Attachments.Sampled, "there is no copy")

	s.replace("path: '{database}/{date}.dump'}}\n  odoo", `path: '{database}/{date}.dump'}}
    - {name: bounds-others, tiers: [shared], filestore: {in: {folder: none}, path: '{database}'}}
    - {name: bounds-elsewhere, filestore: {postgres: bounds-main, in: {folder: copies}, path: '{tenant}'}}
  odoo`)
	require.Equal(t, rehearse.ReasonAttachments, made(app.RehearseOptions{}).Reason, "the copy is not there")
	copied := filepath.Join(s.dir, "copies", "bounds_north", empty)
	require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o750))
	require.NoError(t, os.WriteFile(copied, nil, 0o600))
	last := made(app.RehearseOptions{Place: "bounds-older"})
	require.Equal(t, "bounds-older", last.Place)
	require.Equal(t, rehearse.Attachments{Sampled: 1}, last.Attachments)

	storage := t.TempDir()
	require.NoError(t, os.Chown(storage, anybody(), -1))
	made(app.RehearseOptions{Storage: storage})
	files, err := filepath.Glob(filepath.Join(storage, "rehearsed", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	for _, path := range []string{files[0], filepath.Dir(files[0])} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.EqualValues(t, anybody(), info.Sys().(*syscall.Stat_t).Uid, "the daemon must be able to take it away")
	}

	s.replace("reserve: 1MiB", "reserve: 1MiB, limit: 1KiB")
	require.Equal(t, rehearse.ReasonDisk, made(app.RehearseOptions{}).Reason)
	s.replace("limit: 1KiB", "limit: 10GiB")
	s.exec("north", `INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, payment_state)
		SELECT 'LATER/' || n, 1, 1, 'posted', 'out_invoice', 'no', '2026-01-15', 1, 'not_paid' FROM generate_series(1, 80) n`)
	s.exec("north", "ANALYZE account_move") // by itself: what is not committed counts as changed since
	grown := made(app.RehearseOptions{})
	require.Equal(t, rehearse.ReasonRows, grown.Reason)
	require.Equal(t, []string{"account_move"}, grown.OutOfBounds)
	s.replace("limit: 10GiB", "tolerance: 0.5")
	dir := scratch(t)
	s.replace("rehearsals: {dir: '", "rehearsals: {dir: '/proc/no")
	require.True(t, made(app.RehearseOptions{Dir: dir}).Success, "in another folder")
}

// anybody is whose the storage directory is: another user's where the test is root.
func anybody() int {
	if os.Geteuid() == 0 {
		return 4242
	}
	return os.Geteuid()
}
