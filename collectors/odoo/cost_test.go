package odoo

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	seeds "github.com/wardround/wardround/testdata/odoo"
)

// cpuOf is the processor time that a process has had, in milliseconds.
func cpuOf(tb testing.TB, pid uint32) float64 {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	require.NoError(tb, err)
	nanoseconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	require.NoError(tb, err)
	return nanoseconds / 1e6
}

// meter measures what the server's side of a visit costs.
type meter struct {
	*countedCluster
	tb           testing.TB
	start, batch float64 // milliseconds of processor time: of connecting, of all that was asked
}

func (m *meter) Visit(ctx context.Context, database string, fn func(context.Context, *pgconn.PgConn) error) error {
	return m.countedCluster.Visit(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
		before := cpuOf(m.tb, conn.PID())
		err := fn(ctx, conn)
		m.start += before
		m.batch += cpuOf(m.tb, conn.PID()) - before
		return err
	})
}

// BenchmarkLargeTenant is the processor time that PostgreSQL spends on a visit to a tenant with a
// million jobs: every minute, and when all that is asked seldom is asked as well.
func BenchmarkLargeTenant(b *testing.B) {
	w := seeded(b, seeds.Series18)
	require.NoError(b, seeds.Enlarge(b.Context(), server, w.name, seeds.Large))
	m := &meter{countedCluster: w.cluster, tb: b}
	w.Database.cluster = m
	w.cluster.runners = 1 // as the cluster's own round says
	for name, apart := range map[string]time.Duration{"nothing seldom": time.Microsecond, "each minute": time.Minute, "hourly": time.Hour} {
		b.Run(name, func(b *testing.B) {
			at := time.Now()
			w.kept = map[string]*kept{}
			require.NoError(b, w.Collect(b.Context(), w.builderAt(at)))
			w.schema.learnt = at.Add(10000 * time.Hour)
			m.start, m.batch = 0, 0
			for b.Loop() {
				at = at.Add(apart)
				require.NoError(b, w.Collect(b.Context(), w.builderAt(at)))
			}
			b.ReportMetric(m.start/float64(b.N), "connect-cpu-ms")
			b.ReportMetric(m.batch/float64(b.N), "batch-cpu-ms")
		})
	}
	for _, g := range groups() {
		b.Run(g.name, func(b *testing.B) { // alone, on a connection of its own: with the opening of its tables
			r := w.reading()
			if installed, err := w.schema.lacks(g); !installed || err != nil {
				b.Skip("not installed")
			}
			r.memory = &w.memory
			m.batch = 0
			for b.Loop() {
				err := m.Visit(b.Context(), w.name, func(ctx context.Context, conn *pgconn.PgConn) error {
					replies, err := ask(ctx, conn, []question{{group: g, sql: g.statements(r)}})
					require.NoError(b, replies[0].err)
					return err
				})
				require.NoError(b, err)
			}
			b.ReportMetric(m.batch/float64(b.N), "batch-cpu-ms")
		})
	}
}
