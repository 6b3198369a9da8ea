package backup

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// north and south are two tenants of one cluster; their tier allows a day of work to be lost.
var (
	north = collectors.Tenant{Name: "north", Tier: "shared", Postgres: "pg1", Database: "clinic_north"}
	south = collectors.Tenant{Name: "south", Tier: "shared", Postgres: "pg1", Database: "clinic_south"}
	terms = Terms{RPO: 24 * time.Hour, RTO: 2 * time.Hour, Rehearsal: 30 * 24 * time.Hour}
)

func options(t testing.TB, tenants ...collectors.Tenant) Options {
	t.Helper()
	set, err := collectors.NewTenants(tenants)
	require.NoError(t, err)
	registry := collectors.NewRegistry()
	registry.Replace(set)
	return Options{Tenants: registry, Terms: func(collectors.Tenant) Terms { return terms }, Memory: NewMemory()}
}

func place(t testing.TB, c Config, o Options) *Place {
	t.Helper()
	whole := DefaultConfig()
	whole.Name, whole.CopyOf, whole.Keep, whole.Tiers = c.Name, c.CopyOf, c.Keep, c.Tiers
	whole.PgBackRest, whole.Barman, whole.WALG, whole.Dumps, whole.Filestore = c.PgBackRest, c.Barman, c.WALG, c.Dumps, c.Filestore
	whole.CNPG, whole.Velero = c.CNPG, c.Velero
	if whole.Name == "" {
		whole.Name = "nightly"
	}
	require.NoError(t, whole.Validate())
	p, err := New(whole, o)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// visit makes one visit at a moment.
func visit(t testing.TB, c collectors.Collector, key collectors.Key, now time.Time) (*collectors.Batch, error) {
	t.Helper()
	b := collectors.NewBuilder(key, now)
	err := c.Collect(t.Context(), b)
	batch := b.Batch()
	require.NoError(t, Metrics().Validate())
	return batch, err
}

func visited(t testing.TB, p *Place, now time.Time) *collectors.Batch {
	t.Helper()
	batch, err := visit(t, p, p.Visit().Key, now)
	require.NoError(t, err)
	return batch
}

// page is a batch as text: its series without help, type and target, then its findings.
func page(b *collectors.Batch) string {
	var out strings.Builder
	for line := range strings.Lines(string(collectortest.Text(b))) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "wardround_finding") {
			line = strings.Replace(line, `target="`+b.Key.Target+`",`, "", 1)
			out.WriteString(strings.Replace(line, `{target="`+b.Key.Target+`"}`, "", 1))
		}
	}
	for _, f := range b.Findings {
		out.WriteString(strings.Join([]string{"finding", f.Tenant, f.Name, string(f.Question), string(f.Severity), f.Text}, " | ") + "\n")
	}
	return out.String()
}

// golden compares a batch with a file of testdata.
func golden(t *testing.T, name string, b *collectors.Batch) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page(b)), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), page(b))
	require.NotContains(t, page(b), "CANARY")
}

// names are the findings of a batch.
func names(b *collectors.Batch) []string {
	var all []string
	for _, f := range b.Findings {
		all = append(all, strings.TrimPrefix(f.Tenant+"/"+f.Name, "/"))
	}
	return all
}
