package report_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo/report"
)

func BenchmarkBuild(b *testing.B) {
	in := fleet(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		_, err := report.Build(in)
		require.NoError(b, err)
	}
}

func BenchmarkPDF(b *testing.B) {
	m, err := report.Build(fleet(b, 1000))
	require.NoError(b, err)
	for b.Loop() {
		require.NoError(b, m.WritePDF(io.Discard))
	}
}
