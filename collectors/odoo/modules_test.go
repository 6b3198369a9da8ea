package odoo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// Versions are told as they stood when no release was under way: one that takes some minutes is one
// change, and one that stops half-way none.
func TestModules(t *testing.T) {
	one, other := seeded(t, seeds.Series18), seeded(t, seeds.Series18)
	all, _ := fleet(t, one, other)
	visit := func() {
		for _, v := range all.Visits([]Cluster{one.cluster}, nil) {
			check(t, v)
		}
	}
	first, known := all.Modules("east")
	require.True(t, known)
	require.Equal(t, "18.0.1.3", first["base"])
	require.Equal(t, "18.0.1.0", first["clinic"])
	require.Len(t, first, 17, "those that are not installed are not there")
	require.Equal(t, identity(all, "east").modules, identity(all, "north").modules, "in memory once")

	one.exec(t, `UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'clinic'; UPDATE ir_module_module SET latest_version = '18.0.2.0' WHERE name = 'account'`)
	visit()
	now, _ := all.Modules("east")
	require.Equal(t, first, now)
	one.exec(t, `UPDATE ir_module_module SET state = 'installed', latest_version = '18.0.1.1' WHERE name = 'clinic';
		INSERT INTO ir_module_module (name, state, latest_version) VALUES ('`+seeds.Canary+`', 'installed', '18.0.1.0'), ('odd', 'installed', '`+seeds.Canary+`')`)
	visit()
	now, _ = all.Modules("east")
	first["clinic"], first["account"], first["odd"] = "18.0.1.1", "18.0.2.0", ""
	require.Equal(t, first, now)

	_, known = all.Modules("nobody")
	require.False(t, known)
}

func identity(all *Databases, tenant string) Identity {
	i, _ := all.Identity(tenant)
	return i
}

func TestModulesThatCannotBeRead(t *testing.T) {
	w := ungranted(t, seeds.Series18)
	register(t, w.tenants, collectors.Tenant{Name: "north", Postgres: "main", Database: w.name})
	all := NewDatabases(w.tenants)
	check(t, all.Visits([]Cluster{w.cluster}, nil)[0])
	_, known := all.Modules("north")
	require.False(t, known)
}

func TestRangesOfJobs(t *testing.T) {
	for name, tc := range map[string]struct {
		ids  []int64
		last int64
		want []idRange
		all  bool
	}{
		"none":             {nil, 100, nil, true},
		"one":              {[]int64{7}, 100, []idRange{{7, 7}}, true},
		"unordered":        {[]int64{9, 7, 8}, 100, []idRange{{7, 9}}, true},
		"a gap":            {[]int64{1, 1 + idGap, 2 + 2*idGap}, 100, []idRange{{1, 1 + idGap}, {2 + 2*idGap, 2 + 2*idGap}}, true},
		"beyond the last":  {[]int64{1, 90}, 50, []idRange{{1, 1}}, true},
		"dead and far off": {[]int64{1, 1_000_000}, 2_000_000, []idRange{{1, 1}, {1_000_000, 1_000_000}}, true},
		"too many":         {upTo(mostOlder + 1), 1 << 40, []idRange{{1, mostOlder}}, false},
		"just as many":     {upTo(mostOlder), 1 << 40, []idRange{{1, mostOlder}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ranges, all := rangesOf(tc.ids, tc.last)
			require.Equal(t, tc.want, ranges)
			require.Equal(t, tc.all, all)
		})
	}
}

func upTo(n int64) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i) + 1
	}
	return all
}
