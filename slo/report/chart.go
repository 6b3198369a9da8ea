package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Chart is a picture as marks on a plane whose origin is at the top left. It is drawn once; painters only choose ink.
type Chart struct {
	Width, Height float64
	Title         string
	// Summary says in words what the picture shows.
	Summary string
	// Marks are none where the summary says it all.
	Marks []Mark
}

// Role says what a mark is for; painters give each role its ink.
type Role string

// The roles.
const (
	RoleGrid  Role = "grid"
	RoleZero  Role = "zero" // where the budget ends
	RoleAxis  Role = "axis" // texts along the edges
	RoleLine1 Role = "line1"
	RoleLine2 Role = "line2"
	RoleLine3 Role = "line3"
	RoleNote  Role = "note"
)

// Anchor says which end of a text its point is.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Mark is a polyline; with Text it is that text at its only point.
type Mark struct {
	Role   Role
	Points []Point
	Text   string
	Anchor Anchor
	Strong bool
}

// Point is a place on the plane.
type Point struct{ X, Y float64 }

// The plane, and the part of it in which the lines run.
const (
	chartWidth, chartHeight   = 680.0, 150.0
	plotLeft, plotRight       = 54.0, 490.0
	plotTop, plotBottom       = 8.0, 130.0
	labelHeight, labelGap     = 26.0, 14.0
	lineHeight                = 11.0
	longestName, longestTitle = 26, 31 // letters of a label's two lines
)

// drawn are the roles of a chart's lines: as many as one can tell apart.
var drawn = [...]Role{RoleLine1, RoleLine2, RoleLine3}

// plot is the scale of one chart.
type plot struct {
	days    int
	bottom  float64 // the lowest share shown
	clipped bool    // some shares are lower
}

func (p plot) x(day int) float64 {
	return round(plotLeft + (plotRight-plotLeft)*float64(day)/float64(p.days))
}

func (p plot) y(left Share) float64 {
	v := math.Max(float64(left), p.bottom)
	return round(plotTop + (plotBottom-plotTop)*(1-v)/(1-p.bottom))
}

// round keeps geometry short and equal on all machines.
func round(v float64) float64 { return math.Round(v*10) / 10 }

// burnDown shows what was left of the month's budgets, day by day, for the rows that used most of theirs. A day that
// was not measured is a gap.
func burnDown(rows []Row, days int) Chart {
	c := Chart{Width: chartWidth, Height: chartHeight, Title: "Error budget left, day by day"}
	lines := spenders(rows)
	switch {
	case len(lines) > 0:
		p := scale(lines, days)
		c.frame(p)
		c.labels(p, lines)
		c.Summary = summary(lines)
	case slices.ContainsFunc(rows, func(r Row) bool { return r.Measured > 0 }):
		c.Summary = "No failure was recorded in what was measured."
	default:
		c.Summary = "Nothing was measured."
	}
	return c
}

// lowest is the share below which lines run along the bottom, so that one total outage leaves the others readable.
const lowest = -1

// scale is the plot in which the rows' lines fit.
func scale(rows []Row, days int) plot {
	p := plot{days: days}
	for _, r := range rows {
		for _, d := range r.days {
			p.bottom = math.Min(p.bottom, math.Max(lowest, math.Floor(float64(d.left)*2)/2))
			p.clipped = p.clipped || d.left < lowest
		}
	}
	return p
}

// spenders are the rows that used most of their budget, worst first.
func spenders(rows []Row) []Row {
	var all []Row
	for _, r := range rows {
		if r.Bad > 0 && len(r.days) > 0 {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b Row) int { return cmp.Compare(float64(b.BudgetUsed), float64(a.BudgetUsed)) })
	return all[:min(len(all), len(drawn))]
}

// frame draws the scales.
func (c *Chart) frame(p plot) {
	for share := 1.0; share >= p.bottom; share -= 0.5 {
		y, role := p.y(Share(share)), RoleGrid
		if share == 0 {
			role = RoleZero
		}
		c.line(role, Point{plotLeft, y}, Point{plotRight, y})
		label := Share(share).whole()
		if share == p.bottom && p.clipped {
			label = "≤ " + label
		}
		c.text(RoleAxis, Point{plotLeft - 6, round(y + 3)}, End, label)
	}
	for day := 1; day <= p.days; day++ {
		// The last of the round days makes way for the last day of the month.
		if day == 1 || day == p.days || day%5 == 0 && day < p.days-1 {
			middle := (p.x(day-1) + p.x(day)) / 2
			c.text(RoleAxis, Point{round(middle), plotBottom + 14}, Middle, strconv.Itoa(day))
		}
	}
}

// labels draws the lines, and at the end of each whose it is, so that no key is needed.
func (c *Chart) labels(p plot, rows []Row) {
	ends := make([]float64, len(rows))
	for i, r := range rows {
		c.burn(p, drawn[i], r.days)
		ends[i] = p.y(r.days[len(r.days)-1].left)
	}
	for i, y := range spread(ends) {
		r := rows[i]
		last := p.x(len(r.days))
		c.line(RoleGrid, Point{last + 2, ends[i]}, Point{plotRight + labelGap - 3, y}) // leads to the label, and is no data
		c.Marks = append(c.Marks, Mark{
			Role: drawn[i], Points: []Point{{plotRight + labelGap, round(y + 1)}}, Anchor: Start, Strong: true,
			Text: shorten(r.Subject, longestName),
		})
		c.text(RoleNote, Point{plotRight + labelGap, round(y + 1 + lineHeight)}, Start,
			shorten(r.left()+" · "+r.Title, longestTitle))
	}
}

// burn draws one line; it breaks where a day was not measured.
func (c *Chart) burn(p plot, role Role, days []dayOf) {
	var run []Point
	left := Share(1)
	for i, d := range days {
		if d.measured {
			if run == nil {
				run = []Point{{p.x(i), p.y(left)}}
			}
			run = append(run, Point{p.x(i + 1), p.y(d.left)})
		} else if run != nil {
			c.line(role, run...)
			run = nil
		}
		left = d.left
	}
	if run != nil {
		c.line(role, run...)
	}
}

// spread moves the places of labels apart, keeps their order, and keeps them on the plane.
func spread(at []float64) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	places := slices.Clone(at)
	next := plotTop
	for _, i := range order {
		places[i] = math.Max(places[i], next)
		next = places[i] + labelHeight
	}
	limit := plotBottom
	for _, i := range slices.Backward(order) {
		places[i] = round(math.Min(places[i], limit))
		limit = places[i] - labelHeight
	}
	return places
}

func (c *Chart) line(role Role, points ...Point) {
	c.Marks = append(c.Marks, Mark{Role: role, Points: points})
}

func (c *Chart) text(role Role, at Point, anchor Anchor, text string) {
	c.Marks = append(c.Marks, Mark{Role: role, Points: []Point{at}, Anchor: anchor, Text: text})
}

// left says what the row has left of its budget in the end.
func (r Row) left() string {
	switch left := r.remains; {
	case left < 0:
		return strings.TrimPrefix(left.text(), "−") + " over"
	case left == 0:
		return "nothing left"
	default:
		return left.text() + " left"
	}
}

// summary says in words what the lines show.
func summary(rows []Row) string {
	var parts []string
	for _, r := range rows {
		parts = append(parts, r.Subject+", "+r.Title+": "+r.left())
	}
	return strings.Join(parts, "; ") + "."
}

// shorten cuts a text to so many letters.
func shorten(text string, letters int) string {
	if runes := []rune(text); len(runes) > letters {
		return strings.TrimSpace(string(runes[:letters-1])) + "…"
	}
	return text
}
