package report

import "strconv"

const (
	tableSize    = 7.5 // points
	tableLeading = 3.7
	tablePadding = 1.3
)

// column is a column of a table on paper.
type column struct {
	title  string
	width  float64 // of the measure
	right  bool
	indent float64 // keeps a text off the figures on its left
}

// cell is a text, or a verdict.
type cell struct {
	text    string
	verdict Verdict
}

func texts(all ...string) []cell {
	var cells []cell
	for _, text := range all {
		cells = append(cells, cell{text: text})
	}
	return cells
}

// table sets rows under a head that stands on every page they reach. Long texts go over several lines.
func (s *sheet) table(columns []column, rows int, row func(int) []cell) {
	s.tableHead(columns)
	for i := range rows {
		cells := row(i)
		lines, height := s.wrap(columns, cells)
		if s.room(height) {
			s.tableHead(columns)
		}
		s.tableRow(columns, cells, lines, height)
	}
}

func (s *sheet) tableHead(columns []column) {
	s.face("B", tableSize)
	height, lines := 0.0, make([][]string, len(columns))
	for i, c := range columns {
		lines[i] = s.split(c.title, c.width-2)
		height = max(height, float64(len(lines[i]))*tableLeading)
	}
	s.room(height + 12)
	top := s.GetY()
	x := margin
	s.ink(black)
	s.face("B", tableSize)
	for i, c := range columns {
		for k, line := range lines[i] {
			s.at(x+c.indent, top+height-float64(len(lines[i])-k)*tableLeading)
			s.put(c.width-2, tableLeading, line, align(c))
		}
		x += c.width
	}
	s.at(margin, top+height+1)
	s.stroke(black, 0.35)
	s.Line(margin, s.GetY(), sheetWidth-margin, s.GetY())
}

// wrap breaks the cells of a row into lines, and says how high the row is.
func (s *sheet) wrap(columns []column, cells []cell) (lines [][]string, height float64) {
	s.face("", tableSize)
	most := 1
	for i, c := range cells {
		broken := s.split(c.text, columns[i].width-2)
		lines, most = append(lines, broken), max(most, len(broken))
	}
	return lines, float64(most)*tableLeading + 2*tablePadding
}

func (s *sheet) tableRow(columns []column, cells []cell, lines [][]string, height float64) {
	top, x := s.GetY(), margin
	for i, c := range columns {
		if cells[i].verdict != "" {
			s.verdict(x+c.indent, top+tablePadding, tableLeading, cells[i].verdict, tableSize)
		}
		s.ink(black)
		s.face("", tableSize)
		for k, line := range lines[i] {
			s.at(x, top+tablePadding+float64(k)*tableLeading)
			s.put(c.width-2, tableLeading, line, align(c))
		}
		x += c.width
	}
	s.at(margin, top+height)
	s.stroke(rule, 0.2)
	s.Line(margin, s.GetY(), sheetWidth-margin, s.GetY())
}

func align(c column) string {
	if c.right {
		return "R"
	}
	return "L"
}

// subheading begins a part of a section.
func (s *sheet) subheading(text string) {
	s.room(30)
	s.Ln(2)
	s.ink(black)
	s.face("B", 9.5)
	s.put(measure, 5, s.fit(text, measure), "L")
	s.Ln(7)
}

// remark is what stands in the place of an empty table.
func (s *sheet) remark(text string) {
	s.ink(black)
	s.face("", 8.5)
	s.paragraph(text)
}

func (s *sheet) tiers() {
	s.heading("Promises by tier", 30)
	columns := []column{{title: "Promise", width: 50}, {title: "Worst verdict", width: 29}, {title: "Target", width: 17, right: true}}
	for i, v := range verdicts() {
		columns = append(columns, column{title: v.Text(), width: [...]float64{13, 13, 24, 12, 16}[i], right: true})
	}
	for _, t := range s.m.Tiers {
		s.subheading(t.Title)
		s.table(columns, len(t.Promises), func(i int) []cell {
			p := t.Promises[i]
			cells := []cell{{text: p.Title}, {verdict: p.Verdict}, {text: p.Targets()}}
			for _, v := range verdicts() {
				text := unknown
				if n := p.Count[v]; n > 0 {
					text = strconv.Itoa(n)
				}
				cells = append(cells, cell{text: text})
			}
			return cells
		})
		s.Ln(5)
	}
	if len(s.m.Tiers) == 0 {
		s.remark("No promise has a record in this month.")
	}
}

func (s *sheet) worstDays() {
	s.heading("The worst days", 30)
	if len(s.m.WorstDays) == 0 {
		s.remark("No failure was recorded in this month.")
		return
	}
	columns := []column{
		{title: "Day", width: 22},
		{title: "Tenant or part", width: 44},
		{title: "Promise", width: 54},
		{title: "Failed", width: 32, right: true},
		{title: "Of the month’s budget", width: 22 + 2, right: true},
	}
	s.table(columns, len(s.m.WorstDays), func(i int) []cell {
		d := s.m.WorstDays[i]
		return texts(d.Label, d.Subject, d.Title, d.Failed(), d.Budget())
	})
}

func (s *sheet) uncounted() {
	s.heading("What did not count", 30)
	if len(s.m.Uncounted) == 0 {
		s.remark("Everything counted: no exclusion touches this month.")
		return
	}
	s.remark("Minutes of promises that were excluded, as they were approved. Minutes that two of these share stand in both.")
	s.Ln(3)
	columns := []column{
		{title: "When", width: 38}, {title: "What was concerned", width: 38}, {title: "Why", width: 66}, {title: "Effect", width: 32},
	}
	s.table(columns, len(s.m.Uncounted), func(i int) []cell {
		u := s.m.Uncounted[i]
		return texts(u.When, u.About, u.Why()+" ("+u.ID+")", u.Effect())
	})
}

func (s *sheet) rows() {
	s.heading("Promises, worst first", 40)
	if s.m.Rest != "" {
		s.remark(s.m.Rest)
		s.Ln(3)
	}
	columns := []column{
		{title: "Tenant or part", width: 35},
		{title: "Promise", width: 42},
		{title: "Target", width: 16, right: true},
		{title: "Achieved", width: 18, right: true},
		{title: "Budget used", width: 18, right: true},
		{title: "Coverage", width: 15, right: true},
		{title: "Verdict", width: 30, indent: 4},
	}
	for _, t := range s.m.Tiers {
		if len(t.Shown) == 0 {
			continue
		}
		s.subheading(t.Title)
		s.table(columns, len(t.Shown), func(i int) []cell {
			r := t.Shown[i]
			name, title := r.Subject, r.Title
			if r.Region != "" {
				name += " (" + r.Region + ")"
			}
			if r.Final {
				title += " · final"
			}
			return append(texts(name, title, r.Target.String(), r.Achieved(), r.Budget(), r.Coverage()), cell{verdict: r.Verdict})
		})
		s.Ln(5)
	}
	if len(s.m.Tiers) == 0 {
		s.remark("No promise has a record in this month.")
	}
}
