package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// checker walks a file beside the Go type that it is to fill and notes everything that does not
// fit, each with its place: yaml's own strict decoding stops early and knows lines only.
type checker struct {
	file     string
	problems Problems
}

var (
	textUnmarshaler  = reflect.TypeFor[encoding.TextUnmarshaler]()
	yamlUnmarshaler  = reflect.TypeFor[yaml.Unmarshaler]()
	oldUnmarshaler   = reflect.TypeFor[interface{ UnmarshalYAML(func(any) error) error }]()
	scalarInterfaces = []reflect.Type{textUnmarshaler, yamlUnmarshaler, oldUnmarshaler}
)

func (c *checker) fail(n *yaml.Node, path, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.file, n.Line, n.Column, path, fmt.Sprintf(format, args...)})
}

func (c *checker) check(n *yaml.Node, t reflect.Type, path string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return
	}
	switch {
	case t.Kind() == reflect.Pointer:
		c.check(n, t.Elem(), path)
	case inlinedMap(t) != nil:
		c.entries(n, inlinedMap(t), path)
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		c.mapping(n, t, path)
	case isScalar(t):
		c.scalar(n, t, path)
	case t.Kind() == reflect.Struct:
		c.fail(n, path, "must be a mapping with keys such as %s", some(fieldsOf(t)))
	case t.Kind() == reflect.Map:
		c.entries(n, t, path)
	case t.Kind() == reflect.Slice:
		c.items(n, t, path)
	default:
		c.scalar(n, t, path)
	}
}

func isScalar(t reflect.Type) bool {
	return slices.ContainsFunc(scalarInterfaces, func(i reflect.Type) bool {
		return reflect.PointerTo(t).Implements(i) && t.Kind() != reflect.Map
	})
}

func (c *checker) mapping(n *yaml.Node, t reflect.Type, path string) {
	fields := fieldsOf(t)
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, known := fields[key.Value]
		if !known {
			c.fail(key, path, "unknown key %q; known here: %s", key.Value, some(fields))
			continue
		}
		c.check(value, field, join(path, key.Value))
	}
	c.twice(n, path)
}

func (c *checker) twice(n *yaml.Node, path string) {
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; seen[key.Value] {
			c.fail(key, path, "key %q is given twice; keep one", key.Value)
		} else {
			seen[key.Value] = true
		}
	}
}

func (c *checker) entries(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.MappingNode {
		c.fail(n, path, "must be a mapping")
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		c.check(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value))
	}
	c.twice(n, path)
}

func (c *checker) items(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.SequenceNode {
		c.fail(n, path, "must be a list")
		return
	}
	for i, item := range n.Content {
		c.check(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (c *checker) scalar(n *yaml.Node, t reflect.Type, path string) {
	if err := n.Decode(reflect.New(t).Interface()); err != nil {
		c.fail(n, path, "%s", plain(err, n, t))
	}
}

// plain says what a scalar should have been in words of the file, not of Go.
func plain(err error, n *yaml.Node, t reflect.Type) string {
	if strings.Contains(t.String(), "model.Duration") {
		return fmt.Sprintf("%q is not a duration; write a number and a unit, such as 30s, 5m, 8h or 90d", n.Value)
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return fmt.Sprintf("%q is not a whole number", n.Value)
	case reflect.Bool:
		return fmt.Sprintf("%q is neither true nor false", n.Value)
	case reflect.Float64:
		return fmt.Sprintf("%q is not a number", n.Value)
	case reflect.String:
		return "must be a text"
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// fieldsOf maps the keys of a struct, with those of inlined structs, to their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range fieldsSeq(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			for k, v := range fieldsOf(indirect(f.Type)) {
				fields[k] = v
			}
		case name == "-" || !f.IsExported():
		case name == "":
			fields[strings.ToLower(f.Name)] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

// inlinedMap is the map that a struct of nothing else holds, such as one of HTTP headers, or nil.
func inlinedMap(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Struct && t.NumField() == 1 {
		f := t.Field(0)
		if f.Type.Kind() == reflect.Map && strings.HasSuffix(f.Tag.Get("yaml"), ",inline") {
			return f.Type
		}
	}
	return nil
}

func fieldsSeq(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func some(fields map[string]reflect.Type) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
