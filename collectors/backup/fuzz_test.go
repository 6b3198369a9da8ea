package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
)

// FuzzAnswers feeds whatever a tool may say to its reader: a visit fails or its page is well formed,
// and no text of the answer that is not a technical name comes through.
func FuzzAnswers(f *testing.F) {
	for _, pattern := range []string{"pgbackrest/*.json", "barman/list-backup.json"} {
		recorded, err := filepath.Glob(filepath.Join("testdata", pattern))
		require.NoError(f, err)
		for _, path := range recorded {
			text, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		path := filepath.Join(t.TempDir(), "answer")
		require.NoError(t, os.WriteFile(path, answer, 0o600))
		for _, c := range []Config{
			{PgBackRest: &PgBackRest{Postgres: "pg1", Stanza: "odoo", File: path, Compat: true}},
			{Barman: &Barman{Postgres: "pg1", Server: "pg", File: path}},
		} {
			p := place(t, c, options(t, north))
			b := collectors.NewBuilder(p.Visit().Key, time.Now())
			err := p.Collect(t.Context(), b)
			text := string(collectortest.Text(b.Batch()))
			if err == nil && !strings.Contains(text, "backup_up") {
				t.Fatal("a visit that succeeded says nothing")
			}
			for line := range strings.Lines(text) {
				if len(line) > 500 {
					t.Fatalf("a line of %d bytes", len(line))
				}
			}
		}
	})
}

// BenchmarkDumps visits a folder with a month of nightly dumps of a thousand tenants, all known.
func BenchmarkDumps(b *testing.B) {
	dir := folder(b.TempDir())
	tenants := make([]collectors.Tenant, 1000)
	for i := range tenants {
		name := fmt.Sprintf("clinic_%04d", i)
		tenants[i] = collectors.Tenant{Name: name, Database: name, Postgres: "pg1"}
		for day := range 30 {
			dir.put(b, fmt.Sprintf("%s/%s_2026-01-%02d_01-00-00.sql", name, name, day+1), []byte(goodScript), time.Date(2026, 1, day+1, 1, 5, 0, 0, time.UTC))
		}
	}
	c := Dumps{In: dir.location(), Path: "{database}/{database}_{date}.sql"}
	c.In.Most = 100_000
	p := place(b, Config{Dumps: &c}, options(b, tenants...))
	visited(b, p, time.Now())
	for b.Loop() {
		visited(b, p, time.Now())
	}
}
