package accesslog

import (
	"bytes"
	"fmt"
	"strings"
)

// mostParts is how many parts of a path are told apart.
const mostParts = 12

// parts is a path between its slashes.
type parts struct {
	part [mostParts][]byte
	n    int
	more bool // parts behind the last
}

// split takes a path apart. A slash at its end says nothing.
func (p *parts) split(path []byte) {
	path = bytes.TrimSuffix(bytes.TrimPrefix(path, []byte{'/'}), []byte{'/'})
	p.n, p.more = 0, false
	for len(path) > 0 {
		if p.n == mostParts {
			p.more = true
			return
		}
		i := bytes.IndexByte(path, '/')
		if i < 0 {
			i = len(path)
		}
		p.part[p.n] = path[:i]
		p.n++
		path = path[min(i+1, len(path)):]
	}
}

// dropLanguage takes the language off that a web site's paths begin with: fr, fr_FR, sr@latin.
func (p *parts) dropLanguage() bool {
	if p.n == 0 || !isLanguage(p.part[0]) {
		return false
	}
	copy(p.part[:], p.part[1:p.n])
	p.n--
	return true
}

func isLanguage(b []byte) bool {
	if len(b) < 2 || len(b) > 8 || !isLower(b[0]) || !isLower(b[1]) {
		return false
	}
	rest := b[2:]
	if len(rest) > 0 && isLower(rest[0]) {
		rest = rest[1:]
		if len(rest) == 0 {
			return false // such as web
		}
	}
	return len(rest) == 0 || rest[0] == '_' || rest[0] == '-' || rest[0] == '@'
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// pattern is a path in which * stands for anything within a part and ** for any parts at the end.
type pattern struct {
	parts []part
	open  bool // ends in **
}

type part struct {
	text string
	glob bool
}

const (
	longestPattern   = 500 // bytes
	mostAlternatives = 2
)

// parsePatterns reads a pattern; {a,b} makes several of one.
func parsePatterns(text string) ([]pattern, error) {
	if !strings.HasPrefix(text, "/") || len(text) > longestPattern || strings.Count(text, "{") > mostAlternatives {
		return nil, fmt.Errorf("%q: write a path that begins with a slash, of at most %d bytes, with at most %d times {a,b}",
			text, longestPattern, mostAlternatives)
	}
	var all []pattern
	for _, plain := range expand(text) {
		if strings.ContainsAny(plain, "{},?#") {
			return nil, fmt.Errorf("%q: write alternatives as {a,b}, one pair within another never; a query is not looked at", text)
		}
		if plain == "/" {
			all = append(all, pattern{})
			continue
		}
		var p pattern
		for _, word := range strings.Split(plain[1:], "/") {
			if p.open || word == "" {
				return nil, fmt.Errorf("%q: ** stands at the end, and no part is empty", text)
			}
			if p.open = word == "**"; !p.open {
				p.parts = append(p.parts, part{word, strings.Contains(word, "*")})
			}
		}
		if len(p.parts) > mostParts {
			return nil, fmt.Errorf("%q has more than %d parts", text, mostParts)
		}
		all = append(all, p)
	}
	return all, nil
}

// expand writes alternatives out.
func expand(text string) []string {
	before, rest, found := strings.Cut(text, "{")
	words, after, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return []string{text}
	}
	var all []string
	for _, word := range strings.Split(words, ",") {
		all = append(all, expand(before+word+after)...)
	}
	return all
}

// node is a place in the tree of all patterns.
type node struct {
	next  map[string]*node // by the next part
	globs []glob           // next parts with stars
	ends  []int            // numbers of the patterns that end here
	open  []int            // and of those that take whatever follows
}

type glob struct {
	text string
	next *node
}

// add puts a pattern into the tree.
func (n *node) add(p pattern, number int) {
	for _, part := range p.parts {
		n = n.step(part)
	}
	if p.open {
		n.open = append(n.open, number)
	} else {
		n.ends = append(n.ends, number)
	}
}

// step is the node behind a part, made where there is none.
func (n *node) step(p part) *node {
	if p.glob {
		for i := range n.globs {
			if n.globs[i].text == p.text {
				return n.globs[i].next
			}
		}
		n.globs = append(n.globs, glob{p.text, &node{}})
		return n.globs[len(n.globs)-1].next
	}
	if n.next == nil {
		n.next = map[string]*node{}
	}
	if n.next[p.text] == nil {
		n.next[p.text] = &node{}
	}
	return n.next[p.text]
}

func (p *pattern) matches(path *parts) bool {
	if path.n < len(p.parts) || !p.open && (path.n > len(p.parts) || path.more) {
		return false
	}
	for i := range p.parts {
		if !p.parts[i].matches(path.part[i]) {
			return false
		}
	}
	return true
}

func (p *part) matches(b []byte) bool {
	if !p.glob {
		return p.text == string(b)
	}
	return globMatches(p.text, b)
}

// globMatches says whether a text fits a pattern with stars. On a mismatch the last star takes one
// byte more: no pattern costs more than its length times the text's.
func globMatches(glob string, b []byte) bool {
	g, i, star, taken := 0, 0, -1, 0
	for i < len(b) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, taken = g, i
			g++
		case g < len(glob) && glob[g] == b[i]:
			g++
			i++
		case star >= 0:
			taken++
			g, i = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}
