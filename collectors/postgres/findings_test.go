package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

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
				Text: "a transaction in database clinic has been open for 33m20s: it keeps vacuum from cleaning up",
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
				Text: "3 sessions in database clinic wait for locks, the longest for 12s, behind 1 that hold them",
			},
		},
		"long lock wait": {
			(*round).readLockTree,
			map[string]string{"datname": "elsewhere", "waiting": "3", "roots": "1", "longest": "61"},
			&collectors.Finding{
				Name: "lock_waits", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "3 sessions in database elsewhere wait for locks, the longest for 1m1s, behind 1 that hold them",
			},
		},
		"streaming": {(*round).readReplication, map[string]string{"application_name": "r1", "state": "streaming", "replay_seconds": "1"}, nil},
		"catching up": {
			(*round).readReplication,
			map[string]string{"application_name": "r1", "state": "catchup"},
			&collectors.Finding{
				Name: "replica_not_streaming", Question: collectors.Recoverable, Severity: collectors.Critical,
				Text: "standby r1 does not stream: its state is catchup",
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
				Text: "standby r1 replays what was written 1m15s ago, 4096 bytes behind",
			},
		},
		"database nearly full": {
			(*round).readSaturation,
			map[string]string{"scope": "database", "name": "clinic", "limit": "10", "used": "9"},
			&collectors.Finding{
				Tenant: "north", Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Warning,
				Text: "9 of 10 connections of database clinic are taken",
			},
		},
		"cluster nearly full": {
			(*round).readSaturation,
			map[string]string{"scope": "cluster", "limit": "100", "used": "95"},
			&collectors.Finding{
				Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "95 of 100 connections of the cluster are taken",
			},
		},
		"cluster without its reserve": {
			(*round).readSaturation,
			map[string]string{"scope": "cluster", "limit": "10", "used": "8"},
			&collectors.Finding{
				Name: "connections_nearly_exhausted", Question: collectors.Contained, Severity: collectors.Critical,
				Text: "8 of 10 connections of the cluster are taken",
			},
		},
		"a primary that is a standby": {
			(*round).readServer,
			map[string]string{"number": "150020", "in_recovery": "t", "sees_all": "t"},
			&collectors.Finding{
				Name: "unexpected_role", Question: collectors.Recoverable, Severity: collectors.Critical,
				Text: "configured as a primary, but it is a standby: nothing can be written here",
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
