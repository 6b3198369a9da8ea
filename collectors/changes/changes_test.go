package changes

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSeen(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		see := func(want bool, items map[string]string) {
			t.Helper()
			changed, err := s.Seen(Fact{Kind: "modules", System: "odoo", Tenant: "rosenhof", Target: "pg-a", Items: items, At: time.Now()})
			require.NoError(t, err)
			require.Equal(t, want, changed)
			time.Sleep(time.Minute)
		}
		see(false, map[string]string{"sale": "18.0.1.0", "base": "18.0.1.3"})
		see(false, map[string]string{"sale": "18.0.1.0", "base": "18.0.1.3"})
		see(true, map[string]string{"sale": "18.0.1.1", "base": "18.0.1.3"})
		s = s.again()
		see(false, map[string]string{"sale": "18.0.1.1", "base": "18.0.1.3"})
		s = s.again()
		see(true, map[string]string{"base": "18.0.1.3", "stock": "CANARY of Jane"})
		see(true, map[string]string{"base": "18.0.1.3", "stock": "CANARY of John"})

		found := s.Query("rosenhof", time.Now(), time.Hour)
		require.Len(t, found, 3)
		require.Equal(t, Observed, found[2].Outcome)
		require.Equal(t, []string{"stock", "", ""}, []string{found[0].Subject, found[0].From, found[0].Revision})
		require.Equal(t, 2, found[1].Items)
		require.Equal(t, []string{"sale", "18.0.1.0", "18.0.1.1"}, []string{found[2].Subject, found[2].From, found[2].Revision})
		require.Empty(t, s.Query("lindenau", time.Now(), time.Hour))
		require.Contains(t, s.page(), `change_observed_total{tenant="rosenhof",kind="modules"} 3`)
		require.NotContains(t, s.page(), "CANARY")
		require.Equal(t, "modules sale 18.0.1.0 to 18.0.1.1 by odoo 1m before (observed)",
			s.Suspect(map[string]string{"tenant": "rosenhof"}, found[2].Started.Add(time.Minute)))
		require.Equal(t, "modules (2 of them) by odoo 30s before (observed)",
			s.Suspect(map[string]string{"tenant": "rosenhof"}, found[1].Started.Add(30*time.Second)))
	})
}

func TestSeenRefuses(t *testing.T) {
	s := open(t, t.TempDir(), settings())
	for _, f := range []Fact{
		{Kind: "party", System: "odoo", At: now}, {Kind: "modules", System: "Jane Doe", At: now}, {Kind: "modules", System: "odoo"},
	} {
		_, err := s.Seen(f)
		require.ErrorContains(t, err, "must be set and known")
	}
	require.NoError(t, s.Close())
	_, err := s.Seen(Fact{Kind: "modules", System: "odoo", At: now})
	require.ErrorContains(t, err, "file already closed")
}

func TestUpdate(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		require.Equal(t, "recorded", s.send("argocd", fixture(t, "argocd.json")))
		bad := settings()
		bad.Senders = []Sender{{Name: "a", Kind: "argocd", TokenFile: "/missing"}}
		require.ErrorContains(t, s.Update(bad), "senders[0].token_file: read token file")
		require.Equal(t, "repeated", s.send("argocd", fixture(t, "argocd.json")), "all stays as it was")

		other := watching("http://127.0.0.1:1")
		other.Senders = other.Senders[:1]
		require.NoError(t, s.Update(other))
		code, _ := s.post("argocd", header("argocd", "", nil), fixture(t, "argocd.json"))
		require.Equal(t, http.StatusUnauthorized, code)
		require.Len(t, s.Visits(), 2)
		require.Len(t, s.Query("rosenhof", now, time.Hour), 1)
	})
}

func TestSuspect(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		for _, c := range []*Change{
			told("own", -60, -50, Succeeded, of("rosenhof")),
			told("long", -40, -5, Failed, of("lindenau")),
			told("all", -30, -29, RolledBack, Scope{All: true}),
			told("server", -20, -20, Observed, Scope{Target: "pg-b"}),
			told("cache", -19, -19, Observed, Scope{Target: "cache"}),
			told("running", -10, 0, Started, of("marienstift")),
			told("old", -600, -590, Succeeded, of("rosenhof")),
		} {
			c.Subject, c.Stream = c.Key, c.Key
			_, _, err := s.record(c)
			require.NoError(t, err)
		}
		own := told("reload", -1, -1, Observed, Scope{All: true})
		own.System, own.Kind = ourselves, "reload"
		_, _, err := s.record(own)
		require.NoError(t, err)
		cases := []struct {
			labels string
			minute int
			want   string
		}{
			{"tenant=rosenhof", 0, "deployment cache by argo-cd 19m before (observed)"},
			{"tenant=rosenhof", -21, "deployment all by argo-cd 8m before (rolled back)"},
			{"tenant=rosenhof", -30, "deployment all by argo-cd begun 0s before (rolled back)"},
			{"tenant=rosenhof", -45, "deployment own by argo-cd 5m before (succeeded)"},
			{"tenant=rosenhof", -55, "deployment own by argo-cd begun 5m before (succeeded)"},
			{"tenant=rosenhof", -500, "deployment old by argo-cd 1h30m before (succeeded)"},
			{"tenant=rosenhof", -300, ""},
			{"tenant=lindenau", 0, "deployment long by argo-cd 5m before (failed)"},
			{"tenant=lindenau", -10, "deployment cache by argo-cd 9m before (observed)"},
			{"tenant=lindenau", -35, "deployment long by argo-cd begun 5m before (failed)"},
			{"tenant=marienstift", 0, "deployment running by argo-cd begun 10m before (started)"},
			{"tenant=nobody", 0, "deployment cache by argo-cd 19m before (observed)"},
			{"target=pg-b", -20, "deployment server by argo-cd 0s before (observed)"},
			{"cluster=pg-b", -20, "deployment server by argo-cd 0s before (observed)"},
			{"target=pg-a", -20, "deployment all by argo-cd 9m before (rolled back)"},
			{"other=x", -31, ""},
		}
		for _, c := range cases {
			name, value, _ := strings.Cut(c.labels, "=")
			require.Equal(t, c.want, s.Suspect(map[string]string{name: value}, at(c.minute)), "%s at %d", c.labels, c.minute)
		}
		c := told("only", 10, 10, Observed, Scope{All: true})
		c.System, c.Kind = ourselves, "reload"
		_, _, err = s.record(c)
		require.NoError(t, err)
		require.Equal(t, "reload by wardround 2h before (observed)", s.Suspect(nil, at(130)), "better than nothing")
	})
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m", time.Hour: "1h",
		80 * time.Minute: "1h20m", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 400 * 24 * time.Hour: "400d",
	} {
		require.Equal(t, want, ago(d))
	}
}

func TestRollbacks(t *testing.T) {
	cases := map[string]struct {
		revisions string // of changes, one a minute; with ! it failed
		want      string // of those that went back
	}{
		"forward":            {"1 2 3", ""},
		"the same again":     {"1 2 2 2", ""},
		"back":               {"1 2 1", "1"},
		"back two":           {"1 2 3 1", "1"},
		"back and forth":     {"1 2 1 2", "1 2"},
		"failed between":     {"1 2! 1", ""},
		"a failed way back":  {"1 2 1!", ""},
		"back after failure": {"1 2 3! 1", "1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), settings())
			for i, r := range strings.Fields(c.revisions) {
				change := told(fmt.Sprint(i), i, i, Succeeded, of("rosenhof"))
				if strings.HasSuffix(r, "!") {
					change = told(fmt.Sprint(i), i, i, Failed, of("rosenhof"))
				}
				change.Revision = strings.TrimSuffix(r, "!")
				_, _, err := s.record(change)
				require.NoError(t, err)
			}
			var back []string
			for _, change := range s.journal.changes.all {
				if change.Rollback {
					back = append(back, change.Revision)
				}
			}
			require.Equal(t, c.want, strings.Join(back, " "))
			require.Equal(t, c.want != "", strings.Contains(s.page(), "change_rollbacks_total"))
		})
	}
}

// TestFluxDeploysARevisionAgain: Flux's events have no id but the revision.
func TestFluxDeploysARevisionAgain(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		tell := func(revision, reason string, minute int) string {
			return s.send("flux", with(t, "flux.json", "18.0.3.2", revision, "UpgradeSucceeded", reason,
				"2026-11-01T02:04:00Z", at(minute).Format(time.RFC3339)))
		}
		require.Equal(t, "recorded", tell("1.0", "UpgradeSucceeded", -50))
		require.Equal(t, "recorded", tell("2.0", "UpgradeFailed", -40))
		require.Equal(t, "updated", tell("2.0", "UpgradeSucceeded", -35))
		require.Equal(t, "repeated", tell("1.0", "UpgradeSucceeded", -50), "a replay")
		require.Equal(t, "recorded", tell("1.0", "Progressing", -31))
		require.Equal(t, "updated", tell("1.0", "UpgradeSucceeded", -30), "of the second time")
		require.Equal(t, "repeated", tell("1.0", "UpgradeSucceeded", -30))
		require.Equal(t, "repeated", tell("2.0", "UpgradeSucceeded", -35))
		found := s.Query("rosenhof", now, time.Hour)
		require.Len(t, found, 3)
		require.True(t, found[0].Rollback)
		require.Equal(t, "deployment odoo 1.0 (a rollback) by flux 30m before (succeeded)", s.Suspect(map[string]string{"tenant": "rosenhof"}, now))
	})
}

func TestPage(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		for _, c := range []*Change{
			told("a", -60, -58, Failed, of("rosenhof")),
			told("b", -50, -48, Failed, of("rosenhof")),
			told("c", -40, -38, Succeeded, of("rosenhof")),
			told("d", -30, -28, Succeeded, Scope{All: true}),
			told("e", -200, 0, Started, of("lindenau")),
			told("f", -20, 0, Started, of("lindenau")),
			told("g", -20, -10, Failed, of("marienstift")),
			told("h", -20, -10, Cancelled, of("marienstift")),
			told("i", -20000, 0, Started, of("marienstift")),
		} {
			c.Stream = map[bool]string{true: "main", false: c.Key}[c.Key <= "c"]
			_, _, err := s.record(c)
			require.NoError(t, err)
		}
		require.Equal(t, "recorded", s.send("argocd", fixture(t, "argocd.json")))
		require.Equal(t, "unmapped", s.send("argocd", with(t, "argocd.json", "clinic-rosenhof", "x")))
		before := s.page()
		golden(t, "page.metrics", []byte(before))
		s = s.again()
		after := s.page()
		require.Equal(t, lines(before, "change_events"), lines(after, "change_events"), "a restart changes nothing but the count of events")

		var findings []string
		for _, f := range s.batch().Findings {
			findings = append(findings, f.Name+" "+f.Tenant+": "+f.Text)
		}
		require.Equal(t, []string{
			"change_stuck lindenau: deployment by argo-cd begun 3h20m ago has not been told to have ended.",
			"change_failed marienstift: deployment by argo-cd failed 10m ago, and none has succeeded since.",
		}, findings)
	})
}

// lines are those of a page without those of a family.
func lines(page, without string) []string {
	var kept []string
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, without) {
			kept = append(kept, line)
		}
	}
	return kept
}

func TestFindingsAreFew(t *testing.T) {
	s := open(t, t.TempDir(), settings())
	for i := range 2 * maxFindings {
		c := told(fmt.Sprint(i), i, i+1, Failed, of("rosenhof"))
		c.Stream = c.Key
		_, _, err := s.record(c)
		require.NoError(t, err)
	}
	require.Len(t, s.batch().Findings, maxFindings)
	many := told("many", 0, 1, Failed, Scope{})
	for i := range manyTenants + 1 {
		many.Scope.Tenants = append(many.Scope.Tenants, fmt.Sprintf("tenant%02d", i))
	}
	many.Stream = "first"
	_, _, err := s.record(many)
	require.NoError(t, err)
	var texts []string
	for _, f := range s.batch().Findings {
		texts = append(texts, f.Tenant+f.Text)
	}
	require.Contains(t, strings.Join(texts, "\n"), "since (it concerns 21 tenants)")
}
