package report

import (
	_ "embed" // for the template
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed report.html.tmpl
var page string

// WriteHTML writes the report as one page that needs nothing else: no scripts, no fonts, no requests. It reads well on
// paper, on a dark screen and aloud.
func (m Model) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"verdicts": verdicts,
		"group":    func(n int) string { return group(uint64(max(n, 0))) },
		"points":   polyline,
		"issued":   func(m Model) string { return m.Issued.Format("2 January 2006 15:04 MST") },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("parse report template: %w", err)
	}
	if err := t.Execute(w, m); err != nil {
		return fmt.Errorf("write report as HTML: %w", err)
	}
	return nil
}

// polyline writes points as SVG wants them.
func polyline(points []Point) string {
	var all []string
	for _, p := range points {
		all = append(all, coordinate(p.X)+","+coordinate(p.Y))
	}
	return strings.Join(all, " ")
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
