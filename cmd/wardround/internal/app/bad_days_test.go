package app_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// badDay is something that goes wrong around a daemon at work.
type badDay struct {
	name    string
	prepare func(*stage) *platform.Wire // before the start
	begin   func(*ward)                 // nil where it goes wrong from the start
	shows   func(*ward, page) bool      // what a metric must say
	others  func(*ward, page) float64
	logged  []string // words of the one line that says it
	end     func(*ward)
	well    func(*ward, page) bool // after the end
}

// ward is a daemon at work on a stage of two tenants: north is well, cedar has an overdue cron.
type ward struct {
	*stage
	*daemon
	wire *platform.Wire
	lock *pgx.Conn
}

func (w *ward) north() string { return w.tenant("north") }

// visits counts good visits to a target of the stage: those must go on.
func visits(target string) func(*ward, page) float64 {
	return func(w *ward, p page) float64 {
		return sum(p.all("wardround_collector_visits_total", "target", w.target(target), "outcome", "success"))
	}
}

func (w *ward) reason(p page, target, tenant, reason string) bool {
	labels := []string{"target", w.target(target), "reason", reason}
	if tenant != "" {
		labels = append(labels, "tenant", w.tenant(tenant))
	}
	return sum(p.all("wardround_collector_errors_total", labels...)) >= 2
}

func up(target string) func(*ward, page) bool {
	return func(w *ward, p page) bool {
		for _, value := range p.all("wardround_collector_up", "target", w.target(target)) {
			if value != 1 {
				return false
			}
		}
		return p.has("wardround_collector_up", "target", w.target(target))
	}
}

// down is a PostgreSQL that does not serve: it is said, for this reason, what it last told of
// databases goes stale, and its tenants stay tenants.
func down(reason string) func(*ward, page) bool {
	return func(w *ward, p page) bool {
		return p.is(0, "pg_up", "target", w.target("main")) && w.reason(p, "main", "", reason) &&
			!p.has("odoo_crons", "target", w.target("main")) && p.is(2, "wardround_tenants")
	}
}

var toPrimary = func(s *stage) *platform.Wire { return s.wire(&s.primary) }

var badDays = []badDay{
	{
		name: "refusing", prepare: toPrimary, others: visits("web"), end: func(w *ward) { w.wire.Mend() }, well: up("main"),
		begin: func(w *ward) { w.wire.Cut() }, shows: down("unreachable"), logged: []string{"visit failed", "visit=postgres/refusing-main", "unreachable"},
	},
	{
		name: "hanging", prepare: toPrimary, others: visits("cache"), end: func(w *ward) { w.wire.Heal() }, well: up("main"),
		begin: func(w *ward) { w.wire.Hang() }, shows: down("timeout"), logged: []string{"visit failed", "visit=postgres/hanging-main", "timeout"},
	},
	{
		name: "resetting", prepare: toPrimary, others: visits("standby"), end: func(w *ward) { w.wire.Heal() }, well: up("main"),
		begin: func(w *ward) { w.wire.Reset() }, shows: down("unreachable"), logged: []string{"visit failed", "visit=postgres/resetting-main", "unreachable"},
	},
	{
		name: "crowded", others: visits("cache"), well: up("main"), logged: []string{"visit failed", "visit=odoo/crowded-main/crowded_north"},
		begin: func(w *ward) { w.limit(1); w.stir("north") },
		shows: func(w *ward, p page) bool {
			w.stir("north")
			return w.reason(p, "main", "north", "too_many_connections") && p.is(1, "pg_up", "target", w.target("main"))
		},
		end: func(w *ward) { w.limit(5) },
	},
	{
		name: "forbidden", others: visits("main"),
		begin: func(w *ward) {
			w.exec("north", "REVOKE SELECT ON ir_cron FROM "+w.role+"; UPDATE ir_cron SET priority = priority")
		},
		shows: func(w *ward, p page) bool {
			return p.has("wardround_indicator_unavailable", "tenant", w.north(), "reason", "permission") &&
				!p.has("odoo_crons", "tenant", w.north()) && p.has("odoo_jobs_stuck", "tenant", w.north()) &&
				p.is(1, "wardround_collector_up", "tenant", w.north(), "collector", "odoo") && p.has("odoo_crons", "tenant", w.tenant("cedar"))
		},
	},
	{
		name: "locked", others: visits("main"), begin: (*ward).lockCrons, end: (*ward).unlockCrons,
		shows: func(w *ward, p page) bool {
			return p.has("wardround_indicator_unavailable", "tenant", w.north(), "reason", "locked") &&
				p.has("odoo_jobs_stuck", "tenant", w.north()) && p.has("odoo_crons", "tenant", w.tenant("cedar"))
		},
		well: func(w *ward, p page) bool {
			return p.has("odoo_crons", "tenant", w.north()) && !p.has("wardround_indicator_unavailable", "tenant", w.north())
		},
	},
	{
		name: "cacheless", prepare: func(s *stage) *platform.Wire { return s.wire(&s.redis) }, others: visits("main"),
		begin: func(w *ward) { w.wire.Cut() }, end: func(w *ward) { w.wire.Mend() },
		shows: func(w *ward, p page) bool {
			return p.is(0, "redis_up", "target", w.target("cache")) && w.reason(p, "cache", "", "unreachable")
		},
		logged: []string{"visit failed", "visit=redis/cacheless-cache", "unreachable"}, well: up("cache"),
	},
	{
		name: "selector", others: visits("main"), begin: func(w *ward) { w.hide("north") }, end: func(w *ward) { w.hide("") },
		shows: func(w *ward, p page) bool {
			return sum(p.all("odoo_login_checks_total", "tenant", w.north(), "outcome", "no_database")) >= 2 &&
				p.is(0, "odoo_login_success", "tenant", w.north()) && p.is(1, "odoo_login_success", "tenant", w.tenant("cedar")) &&
				p.is(1, "wardround_finding", "tenant", w.north(), "finding", "login_failing")
		},
		well: func(w *ward, p page) bool { return p.is(1, "odoo_login_success", "tenant", w.north()) },
	},
	{
		name: "unheard", prepare: func(s *stage) *platform.Wire {
			wire := s.wire(&s.alertmanager)
			wire.Cut()
			return wire
		},
		others: visits("main"), end: func(w *ward) { w.wire.Mend() },
		shows: func(_ *ward, p page) bool {
			return sum(p.all("wardround_alert_notifications_total", "outcome", "unreachable")) >= 2 && p.has("wardround_alerts", "state", "firing", "severity", "page")
		},
		logged: []string{"alerts do not reach alertmanager", "unreachable"},
		well: func(w *ward, _ page) bool {
			since, there := firingSince(w.daemon.t, w.tenant("cedar"), "scheduled-tasks-on-time", "page")
			return there && since.Before(time.Now().Add(-interval)) // when it began, not when it could be told
		},
	},
}

// TestBadDays lets one thing go wrong at a time. The rest goes on, a metric says what it is, the
// log says it once, a scrape stays as fast as ever, and all is well when it is over.
func TestBadDays(t *testing.T) {
	t.Parallel()
	for _, day := range badDays {
		t.Run(day.name, func(t *testing.T) {
			t.Parallel()
			w := &ward{stage: newStage(t, day.name,
				patient{name: "north", series: seeds.Series18, listed: true},
				patient{name: "cedar", series: seeds.Series18, troubles: []seeds.Trouble{seeds.OverdueCron}},
			)}
			if day.prepare != nil {
				w.wire = day.prepare(w.stage)
			}
			w.daemon = w.start().ready()
			eventually(t, "all is as it should be", func() bool {
				p := w.page()
				return p.has("odoo_crons", "tenant", w.north()) && p.has("odoo_crons", "tenant", w.tenant("cedar"))
			})
			day.live(t, w)
		})
	}
}

func (b badDay) live(t *testing.T, w *ward) {
	before, told := b.others(w, w.page()), 0
	if b.begin != nil {
		told = w.log.times(b.logged...) // of another trouble, such as a visit that was slow at the start
		b.begin(w)
	}
	eventually(t, "a metric says it", func() bool { return b.shows(w, w.page()) })
	eventually(t, "the rest goes on", func() bool { return b.others(w, w.page()) > before })
	began := time.Now()
	status, _ := fetch(t, http.MethodGet, w.url+"/metrics")
	require.Equal(t, http.StatusOK, status)
	require.Less(t, time.Since(began), 2*time.Second, "a scrape waits for nobody")
	status, _ = fetch(t, http.MethodGet, w.url+"/")
	require.Equal(t, http.StatusOK, status)
	require.Zero(t, w.log.times("tenant gone"))
	if b.logged != nil {
		require.Equal(t, told+1, w.log.times(b.logged...), "%v is said once", b.logged)
	}
	if b.end != nil {
		b.end(w)
		eventually(t, "all is well again", func() bool { return b.well(w, w.page()) })
	}
}

func (w *ward) limit(connections int) {
	granting.Lock()
	defer granting.Unlock()
	require.NoError(w.daemon.t, primary.Exec(w.daemon.t.Context(), "", fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", w.role, connections)))
}

// lockCrons takes the lock that a module's installation takes, and keeps it.
func (w *ward) lockCrons() {
	t := w.daemon.t
	var err error
	w.lock, err = primary.Connect(t.Context(), "", w.north())
	require.NoError(t, err)
	t.Cleanup(w.unlockCrons)
	w.exec("north", "UPDATE ir_cron SET priority = priority")
	_, err = w.lock.Exec(t.Context(), "BEGIN; LOCK TABLE ir_cron IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
}

func (w *ward) unlockCrons() { _ = w.lock.Close(w.daemon.t.Context()) } // again at the end of the test, when it is closed already
