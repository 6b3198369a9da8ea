package report

import (
	"fmt"
	"strings"

	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// missing stands for a letter that the paper edition's font lacks; it has Latin, Greek and Cyrillic ones.
const missing = '□'

// glyphs knows which letters the font has.
type glyphs struct {
	font   *sfnt.Font
	buffer sfnt.Buffer
}

func newGlyphs() (*glyphs, error) {
	font, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	return &glyphs{font: font}, nil
}

// printable puts a sign in the place of each letter that cannot be printed. The typesetter itself would leave it out or
// stumble over it.
func (g *glyphs) printable(text string) string {
	return strings.Map(func(r rune) rune {
		if at, err := g.font.GlyphIndex(&g.buffer, r); err != nil || at == 0 {
			return missing
		}
		return r
	}, text)
}
