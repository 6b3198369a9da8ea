package report

import (
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// The sheet is A4, in millimetres.
const (
	sheetWidth, sheetHeight = 210.0, 297.0
	margin                  = 18.0
	marginTop, marginBottom = 20.0, 20.0
	measure                 = sheetWidth - 2*margin
	pageBottom              = sheetHeight - marginBottom
)

// ink is a colour of the paper edition.
type ink struct{ r, g, b int }

var (
	black = ink{29, 35, 41}
	grey  = ink{91, 101, 112}
	rule  = ink{214, 218, 223}
)

// ink is the colour of a verdict; its mark and its word say the same.
func (v Verdict) ink() ink {
	switch v {
	case Broken:
		return ink{163, 35, 27}
	case AtRisk:
		return ink{138, 83, 0}
	case NotEnoughData:
		return ink{47, 93, 140}
	case Kept:
		return ink{34, 102, 59}
	}
	return grey
}

// WritePDF writes the report on A4 pages. Equal models give equal bytes: the file's dates are that of issue.
func (m Model) WritePDF(w io.Writer) error {
	s, err := newSheet(m)
	if err != nil {
		return fmt.Errorf("write report as PDF: %w", err)
	}
	s.title()
	s.answers()
	s.charts()
	s.tiers()
	s.worstDays()
	s.uncounted()
	s.rows()
	s.method()
	if err := s.Output(w); err != nil {
		return fmt.Errorf("write report as PDF: %w", err)
	}
	return nil
}

// sheet sets the model on paper, from top to bottom.
type sheet struct {
	*fpdf.Fpdf
	m      Model
	glyphs *glyphs
}

func newSheet(m Model) (*sheet, error) {
	glyphs, err := newGlyphs()
	if err != nil {
		return nil, err
	}
	s := &sheet{fpdf.New("P", "mm", "A4", ""), m, glyphs}
	s.SetCatalogSort(true)
	s.SetCreationDate(m.Issued.UTC())
	s.SetModificationDate(m.Issued.UTC())
	s.SetTitle(m.name()+", "+m.Title, true)
	s.SetCreator("Wardround", true)
	s.SetLang("en")
	s.AddUTF8FontFromBytes("go", "", goregular.TTF)
	s.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	s.SetMargins(margin, marginTop, margin)
	s.SetAutoPageBreak(false, 0)
	s.SetCellMargin(0)
	s.AliasNbPages("{pages}")
	s.SetHeaderFunc(s.head)
	s.SetFooterFunc(s.foot)
	s.AddPage()
	return s, nil
}

// name is what kind of paper this is, and for which platform.
func (m Model) name() string {
	if m.Platform == "" {
		return "Service report"
	}
	return "Service report for " + m.Platform
}

// head stands over all pages but the first.
func (s *sheet) head() {
	if s.PageNo() == 1 {
		return
	}
	s.at(margin, 9)
	s.ink(grey)
	s.face("", 7.5)
	s.put(measure, 4, s.fit(s.m.name(), measure-40), "L")
	s.at(margin, 9)
	s.put(measure, 4, s.m.Title, "R")
	s.stroke(rule, 0.2)
	s.Line(margin, 14, sheetWidth-margin, 14)
	s.at(margin, marginTop)
}

func (s *sheet) foot() {
	s.at(sheetWidth-margin-24, sheetHeight-13)
	s.ink(grey)
	s.face("", 7.5)
	s.put(24, 4, fmt.Sprintf("Page %d of {pages}", s.PageNo()), "L")
}

func (s *sheet) title() {
	s.ink(grey)
	s.face("", 10)
	for _, line := range s.split(s.m.name(), measure) {
		s.put(measure, 5, line, "L")
		s.Ln(5)
	}
	s.Ln(1)
	s.ink(black)
	s.face("", 25)
	s.put(measure, 12, s.m.Title, "L")
	s.Ln(14)
	s.ink(grey)
	s.face("", 8.5)
	s.paragraph(s.m.Period)
	s.paragraph(s.m.Scope)
	if s.m.Open {
		s.Ln(2)
		s.ink(AtRisk.ink())
		s.face("B", 8.5)
		s.paragraph("This month was in progress when the report was issued. Its numbers are not final.")
	}
	s.Ln(6)
}

func (s *sheet) answers() {
	s.stroke(black, 0.5)
	s.Line(margin, s.GetY(), sheetWidth-margin, s.GetY())
	const asked, judged = 48.0, 34.0
	for _, a := range s.m.Answers {
		s.face("", 9)
		lines := s.split(a.Sentence, measure-asked-judged)
		height := float64(len(lines))*4.6 + 5
		s.room(height)
		top := s.GetY()
		s.ink(black)
		s.face("B", 9)
		s.at(margin, top+2.5)
		s.put(asked, 4.6, a.Text, "L")
		s.verdict(margin+asked, top+2.5, 4.6, a.Verdict, 9)
		s.ink(black)
		s.face("", 9)
		for i, line := range lines {
			s.at(margin+asked+judged, top+2.5+float64(i)*4.6)
			s.put(measure-asked-judged, 4.6, line, "L")
		}
		s.at(margin, top+height)
		s.stroke(rule, 0.2)
		s.Line(margin, s.GetY(), sheetWidth-margin, s.GetY())
	}
}

// verdict writes a mark and a word.
func (s *sheet) verdict(x, y, height float64, v Verdict, size float64) {
	s.ink(v.ink())
	s.face("B", size)
	if v == Untested {
		s.face("", size)
	}
	s.at(x, y)
	s.put(4, height, v.Mark(), "L")
	s.at(x+size*0.45, y)
	s.put(30, height, v.Text(), "L")
}

func (s *sheet) method() {
	s.heading("How to read this report", 40)
	for _, note := range s.m.Method {
		s.ink(black)
		s.face("", 8.5)
		s.room(float64(len(s.split(note, measure))) * 4.4)
		s.paragraph(note)
		s.Ln(1.8)
	}
}

// heading begins a section, on the next page if what follows would not have so much room on this one.
func (s *sheet) heading(text string, need float64) {
	if s.GetY()+12+need > pageBottom {
		s.AddPage()
	} else if s.GetY() > marginTop {
		s.Ln(10)
	}
	s.Bookmark(text, 0, -1)
	s.stroke(black, 0.5)
	s.Line(margin, s.GetY(), sheetWidth-margin, s.GetY())
	s.Ln(2.5)
	s.ink(black)
	s.face("", 14)
	s.put(measure, 7, text, "L")
	s.Ln(9)
}

// room turns the page if so much does not fit on it, and says whether it did.
func (s *sheet) room(height float64) bool {
	if s.GetY()+height <= pageBottom {
		return false
	}
	s.AddPage()
	return true
}

func (s *sheet) paragraph(text string) {
	const leading = 4.4
	for _, line := range s.split(text, measure) {
		s.put(measure, leading, line, "L")
		s.Ln(leading)
	}
}

// fit cuts a text to a width.
func (s *sheet) fit(text string, width float64) string {
	text = s.glyphs.printable(text)
	letters := []rune(text)
	for cut := text; ; cut = string(letters) + "…" {
		if s.GetStringWidth(cut) <= width || len(letters) == 0 {
			return cut
		}
		letters = letters[:len(letters)-1]
	}
}

func (s *sheet) at(x, y float64) { s.SetXY(x, y) }

func (s *sheet) ink(c ink) { s.SetTextColor(c.r, c.g, c.b) }

func (s *sheet) face(style string, points float64) { s.SetFont("go", style, points) }

// split breaks a text into lines of a width.
func (s *sheet) split(text string, width float64) []string {
	return s.SplitText(s.glyphs.printable(text), width)
}

// put sets one line of text, aligned left ("L") or right ("R") in a width.
func (s *sheet) put(width, height float64, text, align string) {
	s.CellFormat(width, height, s.glyphs.printable(text), "", 0, align, false, 0, "")
}

func (s *sheet) stroke(c ink, width float64) {
	s.SetDrawColor(c.r, c.g, c.b)
	s.SetLineWidth(width)
}
