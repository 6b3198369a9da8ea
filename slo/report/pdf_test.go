package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo/report"
)

// paper has poppler read a report's PDF, page by page.
func paper(t *testing.T, in report.Input) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, written(t, build(t, in).WritePDF), 0o600))
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", file, "-").Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

func TestPaperSaysWhatThePageSays(t *testing.T) {
	pages := paper(t, clinics(t))
	text := strings.Join(strings.Fields(strings.Join(pages, " ")), " ")
	m := build(t, clinics(t))
	expected := []string{m.Platform, m.Title, m.Period, m.Scope, "93.2% over · Login page works", "≤ −100%"}
	for _, a := range m.Answers {
		expected = append(expected, a.Text, a.Verdict.Mark(), a.Verdict.Text())
	}
	for _, d := range m.WorstDays {
		expected = append(expected, d.Label, d.Failed(), d.Budget())
	}
	for _, tier := range m.Tiers {
		expected = append(expected, tier.Title)
		for _, r := range tier.Shown {
			expected = append(expected, r.Achieved()+" "+r.Budget()+" "+r.Coverage()+" "+r.Verdict.Mark()+" "+r.Verdict.Text())
		}
	}
	for _, u := range m.Uncounted {
		expected = append(expected, u.ID)
	}
	for _, part := range append(expected, m.Method[:2]...) {
		require.Contains(t, text, part)
	}
}

func TestPaperForManyTenants(t *testing.T) {
	pages := paper(t, fleet(t, 400))
	require.LessOrEqual(t, len(pages), 6, "it is for people who sign")
	count := 0
	clinic := regexp.MustCompile(`clinic-\d{4} \(eu-west\) +(Login|Mail)`)
	for i, page := range pages {
		require.Contains(t, page, "Page "+strconv.Itoa(i+1)+" of "+strconv.Itoa(len(pages)))
		rows := len(clinic.FindAllString(page, -1))
		count += rows
		if rows > 0 {
			require.Contains(t, page, "Achieved", "page %d has rows without a head", i+1)
		}
		if i > 0 {
			require.Contains(t, page, "Service report for Northern Clinics")
		}
	}
	require.Equal(t, 50, count, "each promise to the worst tenants stands once")
	require.Contains(t, strings.Join(strings.Fields(strings.Join(pages, " ")), " "), build(t, fleet(t, 400)).Rest)
}
