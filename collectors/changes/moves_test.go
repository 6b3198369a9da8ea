package changes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// TestTenantsThatMove lets a clinic's database be renamed beside others of its server.
func TestTenantsThatMove(t *testing.T) {
	staged(t, func(t *testing.T, s *stage) {
		old := collectors.Tenant{Name: "ulmenhof", Postgres: "pg-b", Database: "ulmenhof_prod"}
		require.NoError(t, s.Came(collectors.Tenant{Name: "lindenau", Postgres: "pg-b", Database: "lindenau"}, at(-3)))
		require.NoError(t, s.Went(old, at(-2)))
		require.NoError(t, s.Went(collectors.Tenant{Name: "marienstift", Postgres: "pg-b", Database: "marienstift"}, at(-1)))
		s = s.again()

		told := func(tenant string) (all []string) {
			for _, c := range s.Query(tenant, now, time.Hour) {
				all = append(all, c.Title()+" "+c.Scope.Target+"/"+c.Database)
			}
			return all
		}
		require.Equal(t, []string{
			"departure marienstift by postgresql pg-b/marienstift", "departure ulmenhof by postgresql pg-b/ulmenhof_prod",
			"arrival lindenau by postgresql pg-b/lindenau",
		}, told(""))
		require.Equal(t, []string{"arrival lindenau by postgresql pg-b/lindenau"}, told("lindenau"))
		require.Equal(t, []string{"departure ulmenhof by postgresql pg-b/ulmenhof_prod"}, told("ulmenhof"))
		require.Empty(t, told("rosenhof"))
		for labels, want := range map[[2]string]string{
			{"cluster", "pg-b"}:    "departure marienstift by postgresql 1m before (observed)",
			{"cluster", "pg-a"}:    "",
			{"tenant", "ulmenhof"}: "departure ulmenhof by postgresql 2m before (observed)",
			{"tenant", "rosenhof"}: "",
		} {
			require.Equal(t, want, s.Suspect(map[string]string{labels[0]: labels[1]}, now))
		}
		require.Contains(t, s.page(), `change_observed_total{kind="departure"} 2`)

		found := func() (all []string) {
			for _, f := range s.batch().Findings {
				all = append(all, f.Tenant+string(f.Severity)+": "+f.Text)
			}
			return all
		}
		const gone = "warning: The database ulmenhof_prod on pg-b is gone since 2m: tenant ulmenhof is not watched any more."
		require.Equal(t, []string{gone}, found(), "marienstift is back")
		require.NoError(t, s.Went(old, at(0)))
		require.Len(t, found(), 1, "it is missed once")
		time.Sleep(missedFor + time.Second)
		require.Empty(t, found())
	})
}

// TestMovesAreNotReported refuses what only looking at databases tells.
func TestMovesAreNotReported(t *testing.T) {
	s := open(t, t.TempDir(), settings())
	require.Equal(t, "invalid kind", s.send("generic", []byte(`{"id": "1", "kind": "departure", "scope": "all", "system": "runner", "started": "2026-11-01T02:00:00Z"}`)))
	_, err := s.Seen(Fact{Kind: departure, System: "odoo", At: now})
	require.Error(t, err)
	require.NoError(t, s.Close())
	require.Error(t, s.Went(collectors.Tenant{Name: "ulmenhof"}, now))
}

// TestModulesGoBackTogether tells a release that was withdrawn from others that several modules see.
func TestModulesGoBackTogether(t *testing.T) {
	cases := map[string]struct {
		before, after map[string]string
		want          bool
	}{
		"all":            {map[string]string{"sale": "18.0.1.10", "stock": "18.0.2.0", "base": "18.0.1.3"}, map[string]string{"sale": "18.0.1.9", "stock": "18.0.1.9", "base": "18.0.1.3"}, true},
		"one":            {map[string]string{"sale": "18.0.1.1"}, map[string]string{"sale": "18.0.1.0"}, true},
		"a part of them": {map[string]string{"sale": "18.0.1.1", "stock": "18.0.2.0"}, map[string]string{"sale": "18.0.1.0", "stock": "18.0.2.1"}, false},
		"forward":        {map[string]string{"sale": "18.0.1.9", "stock": "18.0.1.9"}, map[string]string{"sale": "18.0.1.10", "stock": "18.0.2"}, false},
		"one is gone":    {map[string]string{"sale": "18.0.1.1", "stock": "18.0.2.0"}, map[string]string{"sale": "18.0.1.0"}, false},
		"one is new":     {map[string]string{"sale": "18.0.1.1"}, map[string]string{"sale": "18.0.1.0", "stock": "18.0.2.0"}, false},
		"no versions":    {map[string]string{"sale": "b", "stock": "b"}, map[string]string{"sale": "a", "stock": "a"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), settings())
			for i, items := range []map[string]string{c.before, c.after} {
				_, err := s.Seen(Fact{Kind: "modules", System: "odoo", Tenant: "rosenhof", Target: "pg-a", Items: items, At: at(i)})
				require.NoError(t, err)
			}
			found := s.Query("rosenhof", at(2), time.Hour)
			require.Len(t, found, 1)
			require.Equal(t, c.want, found[0].Rollback)
		})
	}
}
