package report

// pen is how a role is drawn on paper: colour, width in millimetres, dashes.
type pen struct {
	ink    ink
	width  float64
	dashes []float64
}

func (r Role) pen() pen {
	switch r {
	case RoleGrid:
		return pen{rule, 0.15, nil}
	case RoleZero:
		return pen{black, 0.25, nil}
	case RoleLine1:
		return pen{ink{163, 35, 27}, 0.5, nil}
	case RoleLine2:
		return pen{ink{31, 78, 121}, 0.45, []float64{1.6, 0.8}}
	case RoleLine3:
		return pen{ink{107, 111, 0}, 0.5, []float64{0.3, 0.9}}
	}
	return pen{grey, 0.2, nil}
}

// charts sets the picture of each answer.
func (s *sheet) charts() {
	const intro = "What was left of the month’s error budget at the end of each day, for the promises that used most of " +
		"theirs. Below 0% a promise is broken. A gap is a time that was not measured."
	s.heading("How the error budgets were spent", 60)
	s.ink(black)
	s.face("", 8.5)
	s.paragraph(intro)
	for _, a := range s.m.Answers {
		height := a.Chart.Height * measure / a.Chart.Width
		if a.Chart.Marks == nil {
			height = 0
		}
		s.room(height + 13)
		s.Ln(4)
		s.ink(black)
		s.face("B", 9)
		s.put(measure, 5, a.Text, "L")
		s.Ln(6)
		if a.Chart.Marks == nil {
			s.remark(a.Chart.Summary)
			continue
		}
		s.Ln(1)
		s.paint(a.Chart)
		s.at(margin, s.GetY()+height)
	}
}

// paint draws a chart with its top left corner at the present place, as wide as the measure.
func (s *sheet) paint(c Chart) {
	scale, left, top := measure/c.Width, margin, s.GetY()
	place := func(p Point) (x, y float64) { return left + p.X*scale, top + p.Y*scale }
	s.SetLineCapStyle("round")
	s.SetLineJoinStyle("round")
	for _, m := range c.Marks {
		pen := m.Role.pen()
		x, y := place(m.Points[0])
		if m.Text != "" {
			m.Text = s.glyphs.printable(m.Text)
			s.ink(pen.ink)
			s.face(weight(m.Strong), 9.5*scale*72/25.4)
			s.Text(x-s.shift(m), y, m.Text)
			continue
		}
		s.stroke(pen.ink, pen.width)
		s.SetDashPattern(pen.dashes, 0)
		s.MoveTo(x, y)
		for _, p := range m.Points[1:] {
			s.LineTo(place(p))
		}
		s.DrawPath("D")
	}
	s.SetDashPattern(nil, 0)
	s.SetLineCapStyle("butt")
	s.at(left, top)
}

// shift is how far left of its point a text begins.
func (s *sheet) shift(m Mark) float64 {
	switch m.Anchor {
	case Middle:
		return s.GetStringWidth(m.Text) / 2
	case End:
		return s.GetStringWidth(m.Text)
	}
	return 0
}

func weight(strong bool) string {
	if strong {
		return "B"
	}
	return ""
}
