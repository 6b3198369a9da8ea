package openslo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"regexp"
	"strconv"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

// syntaxFault is text that is no YAML or JSON.
type syntaxFault struct {
	at   slo.Position
	text string
}

// parse reads a file's documents as far as they go. JSON has its own reader,
// because YAML's stops at tabs and at surrogate pairs.
func parse(f File) ([]*yaml.Node, *syntaxFault) {
	if path.Ext(f.Name) == ".json" || json.Valid(f.Data) {
		return parseJSON(f)
	}
	return parseYAML(f)
}

// yamlLine finds the line in the library's messages.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func parseYAML(f File) ([]*yaml.Node, *syntaxFault) {
	var all []*yaml.Node
	for dec := yaml.NewDecoder(bytes.NewReader(f.Data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			line, text := 1, err.Error()
			if m := yamlLine.FindStringSubmatch(text); m != nil {
				text = m[2]
				if n, err := strconv.Atoi(m[1]); err == nil {
					line = n
				}
			}
			return all, &syntaxFault{slo.Position{File: f.Name, Line: line, Column: 1}, "not YAML: " + text}
		}
		if content := doc.Content[0]; content.Tag != "!!null" {
			all = append(all, content)
		}
	}
}

// jsonReader turns JSON into the nodes that YAML would give.
type jsonReader struct {
	*json.Decoder
	data   []byte
	offset int // up to which these have been counted:
	line   int // from 1
	column int // from 1
}

func parseJSON(f File) ([]*yaml.Node, *syntaxFault) {
	r := &jsonReader{Decoder: json.NewDecoder(bytes.NewReader(f.Data)), data: f.Data, line: 1, column: 1}
	r.UseNumber()
	var all []*yaml.Node
	for {
		n, err := r.node(0)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			line, column := r.place(r.failed(err))
			return all, &syntaxFault{slo.Position{File: f.Name, Line: line, Column: column}, "not JSON: " + err.Error()}
		}
		if n.Tag != "!!null" {
			all = append(all, n)
		}
	}
}

// maxDepth bounds what is read of nested values.
const maxDepth = 1000

// node reads the next value.
func (r *jsonReader) node(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	n.Line, n.Column = r.place(r.began(token))
	switch t := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		return n, r.fill(n, depth)
	case string:
		n.Value = t
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(t)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// fill reads what an object or array holds, and its end.
func (r *jsonReader) fill(n *yaml.Node, depth int) error {
	for r.More() {
		child, err := r.node(depth + 1)
		if err != nil {
			return whole(err)
		}
		n.Content = append(n.Content, child)
	}
	_, err := r.Token()
	return whole(err)
}

// whole makes the end of the file within a value a fault.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// began is the offset at which a token begins that has just been read.
func (r *jsonReader) began(token json.Token) int {
	end := int(r.InputOffset())
	switch t := token.(type) {
	case json.Delim:
		return end - 1
	case json.Number:
		return end - len(t)
	case string:
		begin := end - 1
		for begin--; begin > 0; begin-- {
			if r.data[begin] == '"' && !escaped(r.data[:begin]) {
				break
			}
		}
		return max(begin, 0)
	case bool:
		return end - len(strconv.FormatBool(t))
	}
	return end - len("null")
}

// escaped says whether what follows these bytes is escaped by a backslash.
func escaped(before []byte) bool {
	n := len(before) - len(bytes.TrimRight(before, `\`))
	return n%2 == 1
}

// failed is the offset that an error is about.
func (r *jsonReader) failed(err error) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return max(int(syntax.Offset)-1, 0)
	}
	return int(r.InputOffset())
}

// place is the line and column of an offset that is not before the last one.
func (r *jsonReader) place(offset int) (line, column int) {
	offset = min(max(offset, r.offset), len(r.data))
	for ; r.offset < offset; r.offset++ {
		switch b := r.data[r.offset]; {
		case b == '\n':
			r.line, r.column = r.line+1, 1
		case utf8.RuneStart(b):
			r.column++
		}
	}
	return r.line, r.column
}
