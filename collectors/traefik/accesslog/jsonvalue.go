package accesslog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

func (s *scanner) null(i int) int {
	if i < len(s.text) && s.text[i] == 'n' {
		return s.word(i, "null")
	}
	return bad
}

func (s *scanner) word(i int, word string) int {
	if bytes.HasPrefix(s.text[i:], []byte(word)) {
		return i + len(word)
	}
	return bad
}

// value passes over a value that is not wanted.
func (s *scanner) value(i, depth int) int {
	if i == len(s.text) {
		return bad
	}
	switch c := s.text[i]; {
	case c == '"':
		end, _ := s.quoted(i)
		return end
	case c == '-' || isDigit(c):
		end, _ := s.number(i)
		return end
	case c == 'n':
		return s.word(i, "null")
	case c == 't':
		return s.word(i, "true")
	case c == 'f':
		return s.word(i, "false")
	case c == '{' || c == '[':
		return s.nested(i, depth+1)
	}
	return bad
}

// nested passes over an object or an array that begins at i.
func (s *scanner) nested(i, depth int) int {
	if depth > deepest {
		return bad
	}
	object, closing := s.text[i] == '{', s.text[i]+2 // ']' and '}' stand two behind
	i = s.space(i + 1)
	if i < len(s.text) && s.text[i] == closing {
		return i + 1
	}
	for i < len(s.text) {
		if object {
			if s.text[i] != '"' {
				return bad
			}
			if i, _ = s.quoted(i); i == bad {
				return bad
			}
			if i = s.colon(i); i == bad {
				return bad
			}
			i = s.space(i)
		}
		if i = s.value(i, depth); i == bad {
			return bad
		}
		if i = s.space(i); i == len(s.text) {
			return bad
		}
		if s.text[i] == closing {
			return i + 1
		}
		if s.text[i] != ',' {
			return bad
		}
		i = s.space(i + 1)
	}
	return bad
}

func (s *scanner) space(i int) int {
	for i < len(s.text) && s.text[i] <= ' ' && (s.text[i] == ' ' || s.text[i] == '\t' || s.text[i] == '\n' || s.text[i] == '\r') {
		i++
	}
	return i
}

// string is the text of the string that begins at i, without its escapes, and the place behind it.
func (s *scanner) string(i int) ([]byte, int) {
	end, escaped := s.quoted(i)
	if end == bad {
		return nil, bad
	}
	inner := s.text[i+1 : end-1]
	if escaped {
		begin := len(s.plain)
		s.plain = unescape(s.plain, inner)
		inner = s.plain[begin:]
	}
	return inner, end
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// quoted passes over the string that begins at i. Eight bytes are looked at in one step: of those
// that could be a quote, a backslash or a control character, the first is one.
func (s *scanner) quoted(i int) (end int, escaped bool) {
	text := s.text
	for i++; i+8 <= len(text); {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if text[i] == '"' {
			return i + 1, escaped
		}
		if i = s.escape(i); i == bad {
			return bad, false
		}
		escaped = true
	}
	for i < len(text) {
		switch c := text[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			if i = s.escape(i); i == bad {
				return bad, false
			}
			escaped = true
		case c < ' ':
			return bad, false
		default:
			i++
		}
	}
	return bad, false
}

// escape passes over an escape; a control character is none.
func (s *scanner) escape(i int) int {
	if s.text[i] != '\\' || i+1 >= len(s.text) {
		return bad
	}
	switch s.text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 <= len(s.text) && hex4(s.text[i+2:]) >= 0 {
			return i + 6
		}
	}
	return bad
}

// hex4 is the number that the first four bytes write, below zero where they do not.
func hex4(b []byte) rune {
	var n rune
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|' ' && c|' ' <= 'f':
			c = c | ' ' - 'a' + 10
		default:
			return -1
		}
		n = n<<4 | rune(c)
	}
	return n
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape appends a string's text without its escapes, which were checked.
func unescape(to, from []byte) []byte {
	for len(from) > 0 {
		plain := bytes.IndexByte(from, '\\')
		if plain < 0 {
			return append(to, from...)
		}
		to = append(to, from[:plain]...)
		from = from[plain+1:]
		if from[0] != 'u' {
			to, from = append(to, escapes[from[0]]), from[1:]
			continue
		}
		r := hex4(from[1:])
		from = from[5:]
		if utf16.IsSurrogate(r) {
			second := rune(-1)
			if len(from) >= 6 && from[0] == '\\' && from[1] == 'u' {
				second = hex4(from[2:])
			}
			if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
				from = from[6:]
			}
		}
		to = utf8.AppendRune(to, r)
	}
	return to
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// number passes over a number; whole says that it has neither fraction nor exponent.
func (s *scanner) number(i int) (end int, whole bool) {
	text := s.text
	if text[i] == '-' {
		i++
	}
	switch {
	case i == len(text) || !isDigit(text[i]):
		return bad, false
	case text[i] == '0':
		i++
	default:
		i = s.digits(i)
	}
	whole = true
	if i < len(text) && text[i] == '.' {
		whole = false
		if i++; i == len(text) || !isDigit(text[i]) {
			return bad, false
		}
		i = s.digits(i)
	}
	if i < len(text) && text[i]|' ' == 'e' {
		whole = false
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if i == len(text) || !isDigit(text[i]) {
			return bad, false
		}
		i = s.digits(i)
	}
	return i, whole
}

func (s *scanner) digits(i int) int {
	for i < len(s.text) && isDigit(s.text[i]) {
		i++
	}
	return i
}

// parseNumber is the value of a number; ok is false where it is too large for one.
func parseNumber(b []byte, whole bool) (value float64, ok bool) {
	if !whole || len(b) > 18 || b[0] == '-' {
		f, err := strconv.ParseFloat(string(b), 64)
		return f, err == nil
	}
	var n int64
	for _, c := range b {
		n = n*10 + int64(c-'0')
	}
	return float64(n), true
}
