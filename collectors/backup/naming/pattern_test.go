package naming

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestWhose(t *testing.T) {
	tenants, err := collectors.NewTenants([]collectors.Tenant{
		{Name: "north", Postgres: "pg1", Database: "clinic"},
		{Name: "north-b", Postgres: "pg1", Database: "clinic_b"},
		{Name: "dotted", Postgres: "pg1", Database: "clinic.c"},
		{Name: "twin1", Postgres: "pg2", Database: "twin"},
		{Name: "twin2", Postgres: "pg3", Database: "twin"},
		{Name: "not-here", Postgres: "pg4", Database: "elsewhere"},
	})
	require.NoError(t, err)
	for _, c := range []struct{ template, expression, name, tenant, date string }{
		{"{database}_{date}.zip", "", "clinic_2026-01-02_03-04-05.zip", "north", "2026-01-02_03-04-05"},
		{"{database}_{date}.zip", "", "clinic_b_2026-01-02_03-04-05.zip", "north-b", "2026-01-02_03-04-05"},
		{"{database}_{date}.zip", "", "clinic_x_2026-01-02_03-04-05.zip", "", ""},
		{"{database}_*.zip", "", "clinic_b_1.zip", "north-b", ""},
		{"{database}*", "", "clinicXc.dump", "north", ""}, // the dot is a dot
		{"{database}*", "", "clinic.c.dump", "dotted", ""},
		{"d/{tenant}/{database}-*.dump", "", "d/north/clinic-1.dump", "north", ""},
		{"d/{tenant}/{database}-*.dump", "", "d/north/clinic_b-1.dump", "", ""},
		{"d/{tenant}/*.dump", "", "d/north/x/y.dump", "", ""},
		{"d/{tenant}/**.dump", "", "d/north/x/y.dump", "north", ""},
		{"d/{tenant}/*", "", "e/north/x", "", ""},
		{"{database}.sql", "", "elsewhere.sql", "", ""},
		{"", `dumps/(?P<database>[a-z_.]+)-(?P<date>\d+)\.dump`, "dumps/clinic_b-202601020304.dump", "north-b", "202601020304"},
		{"", `dumps/(?P<tenant>[a-z-]+)\.dump`, "dumps/north-b.dump", "north-b", ""},
		{"", `dumps/(?P<tenant>[a-z-]+)\.dump`, "xdumps/north-b.dump", "", ""},
		{"", `(?P<database>[a-z_.]+)\.dump`, "twin.dump", "", ""}, // nobody knows whose
	} {
		t.Run(c.template+c.expression+" "+c.name, func(t *testing.T) {
			p, err := New(c.template, c.expression)
			require.NoError(t, err)
			require.NoError(t, p.Prepare(tenants, func(t collectors.Tenant) bool { return t.Postgres != "pg4" }))
			tenant, date := p.Whose(c.name)
			require.Equal(t, c.tenant, tenant)
			require.Equal(t, c.date, date)
		})
	}
}

func TestPatternsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ template, expression, says string }{
		{"*.dump", "", "{tenant} or {database}"},
		{"*/{tenant}.dump", "", "only after"},
		{"{date}/{tenant}.dump", "", "only after"},
		{"/srv/{tenant}.dump", "", "begins with a slash"},
		{"", "(", "no regular expression"},
		{"", `.*\.dump`, "group named"},
	} {
		_, err := New(c.template, c.expression)
		require.ErrorContains(t, err, c.says)
	}
}

func TestDate(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"2026-07-02_03-04-05":  "2026-07-02T01:04:05Z",
		"20260702T0304":        "2026-07-02T01:04:00Z",
		"2026-07-02T03:04:05Z": "2026-07-02T03:04:05Z",
		"2026-07-02":           "",
		"2026-13-02_03-04-05":  "",
		"":                     "",
	} {
		at, ok := Date(text, paris)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, at.UTC().Format(time.RFC3339), text)
		}
	}
}

func BenchmarkWhose(b *testing.B) {
	list := make([]collectors.Tenant, 1000)
	for i := range list {
		name := fmt.Sprintf("clinic_%04d", i)
		list[i] = collectors.Tenant{Name: name, Database: name, Postgres: "pg1"}
	}
	tenants, err := collectors.NewTenants(list)
	require.NoError(b, err)
	p, err := New("odoo/{database}/{database}_{date}.zip", "")
	require.NoError(b, err)
	require.NoError(b, p.Prepare(tenants, func(collectors.Tenant) bool { return true }))
	for b.Loop() {
		if tenant, _ := p.Whose("odoo/clinic_0777/clinic_0777_2026-01-02_03-04-05.zip"); tenant == "" {
			b.Fatal("not found")
		}
	}
}
