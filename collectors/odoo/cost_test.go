package odoo

import (
	"context"
	"fmt"
	"os"
	"slices"
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

// meter measures what the server's side of visits costs: milliseconds of processor time that a
// backend had had when it was connected, and of all that it was asked then.
type meter struct {
	*countedCluster
	tb           testing.TB
	start, batch []float64
}

func (m *meter) Visit(ctx context.Context, database string, fn func(context.Context, *pgconn.PgConn) error) error {
	return m.countedCluster.Visit(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
		before := cpuOf(m.tb, conn.PID())
		err := fn(ctx, conn)
		m.start = append(m.start, before)
		m.batch = append(m.batch, cpuOf(m.tb, conn.PID())-before)
		return err
	})
}

func (m *meter) reset() { m.start, m.batch = nil, nil }

// report gives the median, which other work on the machine moves least, and the dearest.
func (m *meter) report(b *testing.B) {
	slices.Sort(m.start)
	slices.Sort(m.batch)
	b.ReportMetric(m.start[len(m.start)/2], "connect-cpu-ms")
	b.ReportMetric(m.batch[len(m.batch)/2], "batch-cpu-ms")
	b.ReportMetric(m.batch[len(m.batch)-1], "most-batch-cpu-ms")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "wall-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLargeTenant is the processor time that PostgreSQL spends on a visit to a tenant with a
// million jobs: when nothing that is asked seldom is due, every minute, and when all of it is due;
// beside a visit that asks for nothing, which is the least that one can cost; and then for each
// group what it adds to a visit.
//
//	go test -run '^$' -bench LargeTenant -benchtime 60x ./collectors/odoo
func BenchmarkLargeTenant(b *testing.B) {
	w := seeded(b, seeds.Series18)
	require.NoError(b, seeds.Enlarge(b.Context(), server, w.name, seeds.Large))
	m := &meter{countedCluster: w.cluster, tb: b}
	w.Database.cluster = m
	w.cluster.runners = 1 // as the cluster's own round says
	b.Run("SELECT 1", func(b *testing.B) {
		m.reset()
		for b.Loop() {
			require.NoError(b, m.Visit(b.Context(), w.name, func(ctx context.Context, conn *pgconn.PgConn) error {
				_, err := conn.Exec(ctx, "SELECT 1").ReadAll()
				return err
			}))
		}
		m.report(b)
	})
	for _, pace := range []struct {
		name  string
		apart time.Duration
	}{{"nothing seldom", time.Microsecond}, {"each minute", time.Minute}, {"hourly", time.Hour}} {
		b.Run(pace.name, func(b *testing.B) {
			at := time.Now()
			w.kept = map[string]*kept{}
			require.NoError(b, w.Collect(b.Context(), w.builderAt(at)))
			w.schema.learnt = at.Add(10000 * time.Hour)
			m.reset()
			for b.Loop() {
				at = at.Add(pace.apart)
				require.NoError(b, w.Collect(b.Context(), w.builderAt(at)))
			}
			m.report(b)
		})
	}
	for _, g := range groups() {
		if installed, err := w.schema.lacks(g); installed && err == nil {
			b.Run(g.name, func(b *testing.B) { adds(b, m, w, g) })
		}
	}
}

// adds measures what a group adds to the batch of a visit: it comes behind the one whose table
// every visit opens first, and is measured from there on.
func adds(b *testing.B, m *meter, w *ward, g *group) {
	var cpu []float64
	var wall time.Duration
	for b.Loop() {
		require.NoError(b, m.Visit(b.Context(), w.name, func(ctx context.Context, conn *pgconn.PgConn) error {
			r := w.reading()
			r.runners = 1
			opening := modulesGroup
			if g == opening {
				opening = cronsGroup
			}
			if _, err := ask(ctx, conn, []question{{group: opening, sql: opening.statements(r)}}); err != nil {
				return err
			}
			before, began := cpuOf(b, conn.PID()), time.Now()
			replies, err := ask(ctx, conn, []question{{group: g, sql: g.statements(r)}})
			require.NoError(b, replies[0].err)
			wall += time.Since(began)
			cpu = append(cpu, cpuOf(b, conn.PID())-before)
			return err
		}))
	}
	slices.Sort(cpu)
	b.ReportMetric(cpu[len(cpu)/2], "batch-cpu-ms")
	b.ReportMetric(float64(wall.Microseconds())/1000/float64(b.N), "wall-ms")
	b.ReportMetric(0, "ns/op")
}
