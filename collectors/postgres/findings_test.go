package postgres

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// sinceT0 is a moment before or after that of the rounds here, as the server tells it.
func sinceT0(d time.Duration) string { return strconv.FormatInt(t0.Add(d).Unix(), 10) }

func TestFindings(t *testing.T) {
	c := clusterForTest(t, configFor(primary, "postgres"), Options{Tenants: tenantsOf(t, map[string]string{"north": "clinic"})})
	for name, test := range map[string]struct {
		read   func(*round, table)
		answer map[string]string
		want   *collectors.Finding
	}{
		"short transaction": {(*round).readActivity, map[string]string{
			"datname": "clinic", "backend_type": "client backend", "n": "1", "now": "10000", "xact": "9000",
		}, nil},
		"long transaction": {
			(*round).readActivity,
			map[string]string{
				"datname": "clinic", "backend_type": "client backend", "n": "1", "now": "10000", "xact": "8000",
			},
			&collectors.Finding{
				Tenant: "north", Name: "long_transaction", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "a transaction in database clinic has been open for 33m20s: it keeps vacuum from cleaning up.",
			},
		},
		"long vacuum": {(*round).readActivity, map[string]string{
			"datname": "clinic", "backend_type": "autovacuum worker", "n": "1", "now": "10000", "xact": "1",
		}, nil},
		"short lock wait": {(*round).readLockTree, map[string]string{"datname": "clinic", "waiting": "3", "roots": "1", "longest": "2"}, nil},
		"lock wait": {
			(*round).readLockTree,
			map[string]string{"datname": "clinic", "waiting": "3", "roots": "1", "longest": "12.3"},
			&collectors.Finding{
				Tenant: "north", Name: "lock_waits", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "3 sessions in database clinic wait for locks, the longest for 12s, behind 1 that hold them.",
			},
		},
		"long lock wait": {
			(*round).readLockTree,
			map[string]string{"datname": "elsewhere", "waiting": "3", "roots": "1", "longest": "61"},
			&collectors.Finding{
				Name: "lock_waits", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "3 sessions in database elsewhere wait for locks, the longest for 1m1s, behind 1 that hold them.",
			},
		},
		"streaming": {(*round).readReplication, map[string]string{"application_name": "r1", "state": "streaming", "replay_seconds": "1"}, nil},
		"catching up": {
			(*round).readReplication,
			map[string]string{"application_name": "r1", "state": "catchup"},
			&collectors.Finding{
				Name: "replica_not_streaming", Question: collectors.Recoverable, Severity: collectors.Critical,
				Text: "standby r1 does not stream: its state is catchup.",
			},
		},
		"hidden": {(*round).readReplication, map[string]string{"application_name": "r1"}, nil},
		"lagging": {
			(*round).readReplication,
			map[string]string{
				"application_name": "r1", "state": "streaming", "replay_seconds": "75", "replay_bytes": "4096",
			},
			&collectors.Finding{
				Name: "replication_lagging", Question: collectors.Recoverable, Severity: collectors.Warning,
				Text: "standby r1 replays what was written 1m15s ago, 4096 bytes behind.",
			},
		},
		"database nearly full": {
			(*round).readSaturation,
			map[string]string{"scope": "database", "name": "clinic", "limit": "10", "used": "9"},
			&collectors.Finding{
				Tenant: "north", Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "9 of 10 connections of database clinic are taken.",
			},
		},
		"cluster nearly full": {
			(*round).readSaturation,
			map[string]string{"scope": "cluster", "limit": "100", "used": "95"},
			&collectors.Finding{
				Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "95 of 100 connections of the cluster are taken.",
			},
		},
		"cluster without its reserve": {
			(*round).readSaturation,
			map[string]string{"scope": "cluster", "limit": "10", "used": "8"},
			&collectors.Finding{
				Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "8 of 10 connections of the cluster are taken.",
			},
		},
		"a primary that is a standby": {
			(*round).readServer,
			map[string]string{"number": "150020", "in_recovery": "t", "sees_all": "t"},
			&collectors.Finding{
				Name: "unexpected_role", Question: collectors.Recoverable, Severity: collectors.Critical,
				Text: "configured as a primary, but it is a standby: nothing can be written here.",
			},
		},
		"young database": {(*round).readDatabases, map[string]string{"datname": "clinic", "xid_age": "2e8", "mxid_age": "5"}, nil},
		"old database": {
			(*round).readDatabases,
			map[string]string{"datname": "clinic", "xid_age": "1200000000", "mxid_age": "5"},
			&collectors.Finding{
				Tenant: "north", Name: "wraparound_near", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "database clinic has 1200 million of the 2144 million transactions behind it after which the server takes no more writes: vacuum must freeze it.",
			},
		},
		"very old multixacts": {
			(*round).readDatabases,
			map[string]string{"datname": "template0", "datistemplate": "t", "xid_age": "5", "mxid_age": "1700000000"},
			&collectors.Finding{
				Name: "wraparound_near", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "database template0 has 1700 million of the 2144 million multixacts behind it after which the server takes no more writes: vacuum must freeze it.",
			},
		},
		"checksum wrong long ago": {(*round).readDatabases, map[string]string{
			"datname": "clinic", "datallowconn": "t", "checksum_failures": "3", "checksum_last_failure": sinceT0(-25 * time.Hour),
		}, nil},
		"checksum wrong": {
			(*round).readDatabases,
			map[string]string{
				"datname": "clinic", "datallowconn": "t", "checksum_failures": "3", "checksum_last_failure": sinceT0(-time.Hour),
			},
			&collectors.Finding{
				Tenant: "north", Name: "checksum_failures", Question: collectors.Protected, Severity: collectors.Critical,
				Text: "3 pages of database clinic had a wrong checksum: what is on disk is not what was written.",
			},
		},
		"checksum of no database's wrong": {
			(*round).readDatabases,
			map[string]string{"checksum_failures": "1", "checksum_last_failure": sinceT0(-time.Hour)},
			&collectors.Finding{
				Name: "checksum_failures", Question: collectors.Protected, Severity: collectors.Critical,
				Text: "1 pages of shared objects had a wrong checksum: what is on disk is not what was written.",
			},
		},
		"slot in use": {(*round).readSlots, map[string]string{"slot_name": "r1", "active": "1", "retained": "4e9", "lost": "0"}, nil},
		"slot just left": {(*round).readSlots, map[string]string{
			"slot_name": "r1", "active": "0", "retained": "100", "inactive_since": sinceT0(-time.Minute),
		}, nil},
		"slot left for long": {
			(*round).readSlots,
			map[string]string{"slot_name": "r1", "active": "0", "retained": "123456789", "inactive_since": sinceT0(-time.Hour)},
			&collectors.Finding{
				Name: "replication_slot_retains", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "replication slot r1 retains 123 MB of WAL, and nobody has received over it for 1h0m0s.",
			},
		},
		"slot that fills the disk": {
			(*round).readSlots,
			map[string]string{"slot_name": "r1", "active": "1", "retained": "43000000000"},
			&collectors.Finding{
				Name: "replication_slot_retains", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "replication slot r1 retains 43 GB of WAL.",
			},
		},
		"vacuum held back": {
			(*round).readSlots,
			map[string]string{"slot_name": "r1", "active": "1", "held": "12000000"},
			&collectors.Finding{
				Name: "vacuum_held_back", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "a replication slot keeps vacuum from cleaning up what 12 million transactions left behind.",
			},
		},
		"just prepared": {(*round).readPrepared, map[string]string{"datname": "clinic", "n": "1", "longest": "60"}, nil},
		"prepared and left": {
			(*round).readPrepared,
			map[string]string{"datname": "clinic", "n": "1", "longest": "7200"},
			&collectors.Finding{
				Tenant: "north", Name: "prepared_transaction_left", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "a prepared transaction in database clinic has waited for 2h0m0s: it keeps its locks and vacuum from cleaning up.",
			},
		},
		"archiving": {(*round).readWALFiles, map[string]string{"ready": "3", "longest": "30"}, nil},
		"archiving behind": {
			(*round).readWALFiles,
			map[string]string{"ready": "40", "longest": "4000"},
			&collectors.Finding{
				Name: "archiving_behind", Question: collectors.Protected, Severity: collectors.Critical,
				Text: "40 WAL files wait to be archived, the oldest for 1h6m40s: what is in them is in no backup.",
			},
		},
		"clocks differ": {
			(*round).readOwnReplay,
			map[string]string{"streaming": "1", "ahead": "-90"},
			&collectors.Finding{
				Name: "clocks_differ", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "the clocks of this standby and of its sender differ by 1m30s.",
			},
		},
		"no limit": {(*round).readSaturation, map[string]string{"scope": "role", "name": "odoo", "limit": "-1", "used": "900"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := collectors.NewBuilder(collectors.Key{Collector: "postgres", Target: "main"}, t0)
			test.read(&round{Builder: b, cluster: c, tenants: c.options.Tenants.Current()}, answered(test.answer))
			findings := b.Batch().Findings
			if test.want == nil {
				require.Empty(t, findings)
				return
			}
			require.Equal(t, []collectors.Finding{*test.want}, findings)
		})
	}
}
