package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// served are the workflows at the edge, each with two promises: that it succeeds and that it is fast.
var served = []string{"booking", "invoicing", "procurement", "logins", "requests", "partner-api"}

// breakdowns are what happens to the servers that tenants share, or stand on alone.
func breakdowns() []ailment[*plant] {
	nothing := func(*plant) {}
	all := []ailment[*plant]{
		{
			promise: "replication-keeps-up", target: "main", // a standby falls behind the bound in thirty seconds
			fall: func(w *plant) {
				w.do(w.standby, "SELECT pg_wal_replay_pause()")
				w.do(w.cluster, "CREATE TABLE unseen ()")
			},
			heal: func(w *plant) { w.do(w.standby, "SELECT pg_wal_replay_resume()") },
		},
		{
			promise: "standby-ready", target: "spare",
			fall: func(w *plant) { w.toSpare.Cut() }, heal: func(w *plant) { w.toSpare.Mend() },
		},
		{
			promise: "standby-ready", target: "far", // which tells nothing of itself while it is down
			fall: func(w *plant) { require.NoError(w.stage.t, w.far.Kill()) },
			heal: func(w *plant) { require.NoError(w.stage.t, w.far.Start(w.stage.t.Context())) },
		},
		{
			promise: "wal-archived", target: "second", before: true,
			fall: func(w *plant) { w.archive("false") }, heal: func(w *plant) { w.archive("true") },
		},
		{
			promise: "slots-usable", target: "second", before: true,
			fall: (*plant).loseSlot, heal: func(w *plant) { w.do(w.second, "SELECT pg_drop_replication_slot('forgotten')") },
		},
		{
			promise: "transaction-numbers-left", target: "second",
			// A thousand million transactions take hours: here fifty thousand are too many.
			instead: "indicator: {threshold: {metric: pg_database_frozen_xid_age, op: <=, value: 50000}}",
			fall:    (*plant).useTransactions, heal: (*plant).freeze,
		},
		{
			promise: "tenant-connections-free", patient: "ill",
			fall: func(w *plant) { w.hold("ill", 4) }, heal: func(w *plant) { w.release("ill") },
		},
		{
			promise: "pool-connections-free", patient: "ill",
			fall: (*plant).holdPool, heal: func(w *plant) { w.poolHolder() },
		},
		{
			promise: "statements-not-slowed", patient: "slow",
			// A busy machine makes all statements twice as slow: here six times are too many.
			instead: "indicator: {threshold: {metric: pg_database_statements_slowdown_ratio, op: <=, value: 6}}",
			fall:    func(w *plant) { w.exec("slow", "DROP INDEX visit_card_patient") },
			heal:    func(w *plant) { w.exec("slow", "CREATE INDEX visit_card_patient ON visit_card (patient)") },
		},
		{
			promise: "certificates-in-date", patient: "ill", before: true,
			fall: func(w *plant) { w.certify("ill", 2*24*time.Hour) }, heal: func(w *plant) { w.certify("ill", 90*24*time.Hour) },
		},
		{
			promise: "redis-headroom", target: "queue",
			fall: (*plant).fillQueue, heal: func(w *plant) { w.queueDo("FLUSHALL") },
		},
		{
			promise: "room-to-grow", patient: "ill",
			fall: func(w *plant) { w.replicas.Store(4) }, heal: func(w *plant) { w.replicas.Store(2) },
		},
		{
			promise: "login-fast", patient: "slow",
			fall: func(w *plant) { w.odoo.SetFault(w.tenant("slow"), seeds.Slow) },
			heal: func(w *plant) { w.odoo.SetFault(w.tenant("slow"), seeds.NoFault) },
		},
	}
	for _, workflow := range served {
		all = append(all,
			ailment[*plant]{
				promise: workflow + "-succeed", patient: "ill",
				fall: func(w *plant) { w.failing.Store(true) }, heal: func(w *plant) { w.failing.Store(false) },
			},
			ailment[*plant]{promise: workflow + "-fast", patient: "ill", fall: nothing, heal: nothing}, // what failed was not fast
			ailment[*plant]{
				promise: workflow + "-fast", patient: "slow",
				fall: func(w *plant) { w.dragging.Store(true) }, heal: func(w *plant) { w.dragging.Store(false) },
			},
		)
	}
	return all
}

// crowding is what one tenant does to all when nobody has seen it do so before.
func crowding() []ailment[*plant] {
	return []ailment[*plant]{
		{
			promise: "neighbours-quiet", target: "main",
			fall: (*plant).crowd, heal: func(w *plant) { w.release("greedy") },
		},
		{promise: "connections-free", target: "main", fall: func(*plant) {}, heal: func(*plant) {}}, // they were connections
	}
}

// TestPlatformPromisesFireAndReset does with the promises about what tenants share, and about how
// the edge serves them, as TestPromisesFireAndReset does with those about their work.
func TestPlatformPromisesFireAndReset(t *testing.T) {
	t.Parallel()
	w := newPlant(t)
	p := watchPages(t, w.stage)
	broken := func(all []ailment[*plant]) (pages []string) {
		for _, a := range all {
			pages = append(pages, a.page(w.stage))
			if !a.before {
				a.fall(w)
			}
		}
		return pages
	}
	p.come(4*time.Minute, broken(breakdowns())...)
	for _, a := range breakdowns() {
		a.heal(w)
	}
	within(t, 3*time.Minute, "it is known what is usual", func() bool {
		p.look()
		return w.daemon.page().is(0, "pg_noisy_neighbours", "target", w.target("main"))
	})
	p.come(4*time.Minute, broken(crowding())...)
	for _, a := range crowding() {
		a.heal(w)
	}
	p.leave(6 * time.Minute)
}

// archive lets the second cluster archive by a command, which is asked at once.
func (w *plant) archive(command string) {
	w.do(w.second, fmt.Sprintf("ALTER SYSTEM SET archive_command = '%s'", command))
	w.do(w.second, "SELECT pg_reload_conf()")
	w.do(w.second, "SELECT txid_current(); SELECT pg_switch_wal()")
}

// loseSlot leaves a slot behind over which nobody receives, until the server gives up on it.
func (w *plant) loseSlot() {
	w.do(w.second, "SELECT pg_create_physical_replication_slot('forgotten', true)")
	for range 3 {
		w.do(w.second, "SELECT txid_current(); SELECT pg_switch_wal()")
	}
	w.do(w.second, "CHECKPOINT")
	lost, err := w.second.Value(w.stage.t.Context(), "", "SELECT wal_status FROM pg_replication_slots")
	require.NoError(w.stage.t, err)
	require.Equal(w.stage.t, "lost", lost)
}

func (w *plant) useTransactions() {
	w.do(w.second, "SET synchronous_commit = off")
	w.do(w.second, "DO $$ BEGIN FOR i IN 1..60000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
}

// freeze does what autovacuum does when it comes to it.
func (w *plant) freeze() {
	w.do(w.second, "ALTER DATABASE template0 ALLOW_CONNECTIONS true")
	for _, database := range []string{"postgres", "template1", "template0"} {
		require.NoError(w.stage.t, w.second.Exec(w.stage.t.Context(), database, "VACUUM (FREEZE)"))
	}
	w.do(w.second, "ALTER DATABASE template0 ALLOW_CONNECTIONS false")
}
