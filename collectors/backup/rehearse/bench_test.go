package rehearse

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/odoo"
)

// BenchmarkRehearsal rehearses the restore of a database of about a gigabyte, and tells the share
// of the time that the restore itself takes.
func BenchmarkRehearsal(b *testing.B) {
	require.NoError(b, odoo.Seed(b.Context(), live, database, odoo.Series18))
	require.NoError(b, odoo.Enlarge(b.Context(), live, database, odoo.Size{Jobs: 1_300_000, Invoices: 400_000, Mails: 260_000}))
	defer func() { require.NoError(b, live.Exec(b.Context(), "", `DROP DATABASE clinic_north WITH (FORCE)`)) }()
	from := scratchDir(b)
	dump(b, filepath.Join(from, database+".backup"), "--format=custom")
	for b.Loop() {
		dir := scratchDir(b)
		result, err := Rehearse(b.Context(), Options{Tenant: north, Artifact: newest(b, inFolder(from)), Dir: dir})
		require.NoError(b, err)
		require.NoError(b, os.Remove(dir))
		whole := result.Ended.Sub(result.Started).Seconds()
		b.ReportMetric(float64(result.DatabaseBytes)/1e6, "restored-MB")
		b.ReportMetric(100*result.Seconds[StageRestore]/whole, "%restoring")
		for stage, seconds := range result.Seconds {
			b.ReportMetric(seconds, string(stage)+"-s")
		}
	}
}
