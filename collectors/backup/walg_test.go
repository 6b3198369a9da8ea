package backup

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// sentinelText is what WAL-G 2 and 3 write; version 1 leaves the times out.
func sentinelText(start, finish time.Time, more string) []byte {
	return fmt.Appendf(nil, `{"LSN": 301989928, "PgVersion": 150020, "FinishLSN": 318767360, "SystemIdentifier": 7000000000000000001,
"UncompressedSize": 89797584, "CompressedSize": 8188896, "DataCatalogSize": 89797584, "IsPermanent": false,
"Hostname": "CANARY-host", "DataDir": "/CANARY", "UserData": "CANARY", "StartTime": %q, "FinishTime": %q %s}`,
		start.Format(time.RFC3339Nano), finish.Format(time.RFC3339Nano), more)
}

func TestWALG(t *testing.T) {
	for kind, keep := range map[string]keeper{"folder": folder(t.TempDir()), "bucket": startBucket(t)} {
		t.Run(kind, func(t *testing.T) {
			at := now()
			ago := func(d time.Duration) time.Time { return at.Add(-d) }
			put := func(name string, content []byte, when time.Time) { keep.put(t, "cluster/"+name, content, when) }
			const base = "basebackups_005/base_"
			put(base+"000000010000000000000004_backup_stop_sentinel.json", sentinelText(ago(50*time.Hour), ago(49*time.Hour), ""), ago(49*time.Hour))
			put(base+"000000010000000000000004/tar_partitions/part_001.tar.lz4", []byte("CANARY"), ago(49*time.Hour))
			put(base+"000000010000000000000009_D_000000010000000000000004_backup_stop_sentinel.json",
				sentinelText(ago(26*time.Hour), ago(25*time.Hour), `, "DeltaFrom": "base_000000010000000000000004", "DeltaCount": 1`), ago(25*time.Hour))
			put(base+"00000001000000000000000B_backup_stop_sentinel.json", []byte("{CANARY"), ago(2*time.Hour))
			put(base+"00000001000000000000000C/tar_partitions/part_001.tar.lz4", []byte("CANARY"), ago(time.Hour))
			for i := range 16 {
				put(fmt.Sprintf("wal_005/0000000100000000000000%02X.lz4", i), []byte("CANARY"), ago(time.Duration(60-i)*time.Minute))
			}
			put("wal_005/00000002.history.lz4", []byte("CANARY"), at)

			p := place(t, Config{WALG: &WALG{Postgres: "pg1", In: keep.location(), Prefix: "cluster"}}, options(t, north))
			text := page(visited(t, p, at))
			require.NotContains(t, text, "CANARY")
			for _, line := range []string{
				`backup_kept{tenant="north",type="full"} 1`, `backup_kept{tenant="north",type="incr"} 1`,
				`backup_last_success_duration_seconds{tenant="north",type="incr"} 3600`,
				`backup_last_success_size_bytes{tenant="north",type="full"} 8.188896e+06`,
				`backup_last_attempt_failure{tenant="north",reason="broken"} 1`,
				fmt.Sprintf(`backup_oldest_restorable_timestamp_seconds{tenant="north"} %v`, float64(ago(49*time.Hour).Unix())),
				fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(45*time.Minute).Unix())),
				"backup_running 1",
			} {
				require.Contains(t, text, line)
			}
			text = page(visited(t, p, at.Add(25*time.Hour)))
			require.Contains(t, text, "backup_running 0", "nobody takes a day for a base backup")
			require.Contains(t, text, `backup_last_attempt_failure{tenant="north",reason="failed"} 1`)
			require.Contains(t, text, fmt.Sprintf(`backup_recovery_point_timestamp_seconds{tenant="north"} %v`, float64(ago(45*time.Minute).Unix())))
			put(base+"00000001000000000000000C_backup_stop_sentinel.json", sentinelText(ago(time.Hour), at, ""), at)
			require.Contains(t, page(visited(t, p, at.Add(26*time.Hour))), `backup_last_attempt_success{tenant="north"} 1`)
		})
	}
}

func TestWALGReadsEachSentinelOnce(t *testing.T) {
	b := startBucket(t)
	for i := range 5 {
		b.put(t, fmt.Sprintf("basebackups_005/base_00000001000000000000000%d_backup_stop_sentinel.json", i), sentinelText(now().Add(-2*time.Hour), now().Add(-time.Hour), ""), now().Add(-time.Hour))
	}
	p := place(t, Config{WALG: &WALG{Postgres: "pg1", In: b.location()}}, options(t, north))
	visited(t, p, now())
	before := b.requests.Load()
	visited(t, p, now())
	require.Equal(t, int64(6), b.requests.Load()-before, "two listings, a lock and three settings")
}

func TestWALGInAGuardedBucket(t *testing.T) {
	b := startBucket(t)
	b.locked, b.encrypted, b.until = true, true, now().Add(30*24*time.Hour)
	for i, text := range [][]byte{sentinelText(now().Add(-2*time.Hour), now().Add(-time.Hour), ""), []byte("{")} {
		b.put(t, fmt.Sprintf("basebackups_005/base_00000001000000000000000%d_backup_stop_sentinel.json", i), text, now().Add(-time.Hour))
	}
	text := page(visited(t, place(t, Config{WALG: &WALG{Postgres: "pg1", In: b.location()}}, options(t, north)), now()))
	require.Contains(t, text, `backup_encrypted{tenant="north"} 1`)
	require.Contains(t, text, fmt.Sprintf(`backup_locked_until_timestamp_seconds{tenant="north"} %v`, float64(b.until.Unix())))
}

func TestFilestoreCopies(t *testing.T) {
	keep := folder(t.TempDir())
	at := now()
	keep.put(t, "filestore/clinic_north/ab/ab01", []byte("CANARY"), at.Add(-time.Hour))
	keep.put(t, "filestore/clinic_north/.complete", nil, at.Add(-2*time.Hour))
	keep.put(t, "filestore/clinic_south/.complete", nil, at.Add(-3*time.Hour))
	tenants := []collectors.Tenant{north, south, {Name: "third", Database: "clinic_third", Postgres: "pg1"}}
	c := FilestoreConfig{In: keep.location(), Path: "filestore/{database}", Marker: ".complete"}
	batch := visited(t, place(t, Config{Filestore: &c}, options(t, tenants...)), at)
	text := page(batch)
	require.Contains(t, text, fmt.Sprintf(`backup_last_success_timestamp_seconds{tenant="north",type="filestore"} %v`, float64(at.Add(-2*time.Hour).Unix())))
	require.Contains(t, text, `backup_last_attempt_failure{tenant="south",reason="empty"} 1`)
	require.ElementsMatch(t, []string{"south/backup_missing", "third/backup_missing"}, names(batch))
	require.NotContains(t, text, "CANARY")

	c.Marker = ""
	text = page(visited(t, place(t, Config{Filestore: &c}, options(t, tenants...)), at.Add(time.Hour)))
	require.Contains(t, text, `backup_last_success_timestamp_seconds{tenant="north",type="filestore"}`)
	require.NotContains(t, text, `backup_last_success_timestamp_seconds{tenant="south"`)

	b := startBucket(t)
	b.put(t, "fs/clinic_north/.complete", nil, at.Add(-2*time.Hour))
	c = FilestoreConfig{In: b.location(), Path: "fs/{database}", Marker: ".complete"}
	text = page(visited(t, place(t, Config{Filestore: &c}, options(t, north)), at))
	require.Contains(t, text, `backup_last_attempt_success{tenant="north"} 1`)
	b.put(t, "fs/clinic_north/ab/ab01", []byte("scan"), at)
	kept := place(t, Config{Filestore: &c, Tiers: []string{north.Tier}}, options(t, north))
	attachments, ok := kept.Attachments(t.Context(), north)
	require.True(t, ok)
	scan, err := fs.ReadFile(attachments, "ab/ab01")
	require.NoError(t, err)
	require.Equal(t, "scan", string(scan))
	elsewhere := north
	elsewhere.Tier = "another"
	_, ok = kept.Attachments(t.Context(), elsewhere)
	require.False(t, ok, "its copy belongs elsewhere")
	_, ok = place(t, Config{WALG: &WALG{Postgres: "pg1", In: b.location()}}, options(t, north)).Attachments(t.Context(), north)
	require.False(t, ok, "no attachments are kept there")
}
