package slo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder reads YAML strictly and says of every fault where it is. It walks
// nodes by hand because the library's strict mode knows no columns and stops
// at types with their own reader.
type decoder struct {
	file   string
	faults []fault
}

// fault is something wrong at a place, and what to do about it.
type fault struct {
	at   Position
	text string
}

func (f fault) Error() string { return f.at.String() + ": " + f.text }

// field reads the value of one key.
type field func(*yaml.Node)

// failf notes a fault at a node.
func (d *decoder) failf(n *yaml.Node, format string, args ...any) {
	d.faults = append(d.faults, fault{d.at(n), fmt.Sprintf(format, args...)})
}

func (d *decoder) at(n *yaml.Node) Position { return Position{d.file, n.Line, n.Column} }

// documents hands each document's content to read.
func (d *decoder) documents(data []byte, read func(*yaml.Node)) error {
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return d.err()
		}
		if err != nil {
			d.faults = append(d.faults, d.syntax(err))
			return d.err()
		}
		if content := doc.Content[0]; content.Tag != "!!null" {
			read(content)
		}
	}
}

// err is all faults in the order of the file, nil if there are none.
func (d *decoder) err() error {
	slices.SortStableFunc(d.faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	errs := make([]error, len(d.faults))
	for i, f := range d.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// yamlLine finds the line in the library's messages.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax puts a fault of the YAML itself into the form of all others.
func (d *decoder) syntax(err error) fault {
	line, what := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		what = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	return fault{Position{d.file, line, 1}, "not YAML: " + what}
}

// mapping reads a mapping's known keys, refuses others, and answers which were
// there; nil if it is no mapping.
func (d *decoder) mapping(n *yaml.Node, what string, fields map[string]field) map[string]*yaml.Node {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		d.failf(n, "%s must be keys and values; the keys are %s", what, list(fields))
		return nil
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		read, known := fields[key.Value]
		switch {
		case !known:
			d.failf(key, "%s has no key %q; the keys are %s", what, key.Value, list(fields))
		case seen[key.Value] != nil:
			d.failf(key, "%q stands twice; keep one", key.Value)
		default:
			seen[key.Value] = value
			read(value)
		}
	}
	return seen
}

// require refuses a mapping in which keys are missing.
func (d *decoder) require(n *yaml.Node, what string, seen map[string]*yaml.Node, keys ...string) {
	for _, key := range keys {
		if seen != nil && seen[key] == nil {
			d.failf(n, "%s has no %s; add %s:", what, key, key)
		}
	}
}

// value is what stands under one key of a mapping, nil if nothing does.
func value(n *yaml.Node, key string) *yaml.Node {
	n = resolved(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolved(n.Content[i+1])
		}
	}
	return nil
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func list[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// scalar reads one plain value with parse.
func scalar[T any](d *decoder, into *T, parse func(string) (T, error)) field {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.failf(n, "a single value belongs here")
			return
		}
		value, err := parse(n.Value)
		if err != nil {
			d.failf(n, "%v", err)
			return
		}
		*into = value
	}
}

// text reads a string, without the space around a folded one.
func (d *decoder) text(into *string) field {
	return scalar(d, into, func(s string) (string, error) {
		if s = strings.TrimSpace(s); s == "" {
			return "", errors.New("this is empty; write it or leave the key out")
		}
		return s, nil
	})
}

func (d *decoder) selector(into *Selector) field {
	return func(n *yaml.Node) {
		into.Position = d.at(n)
		d.text(&into.Text)(n)
	}
}

func (d *decoder) ratio(into *Ratio) field { return scalar(d, into, ParseRatio) }

func (d *decoder) target(into *Ratio) field { return scalar(d, into, ParseTarget) }

func (d *decoder) duration(into *time.Duration) field { return scalar(d, into, ParseDuration) }

func (d *decoder) flag(into *bool) field {
	return scalar(d, into, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, fmt.Errorf("%q is neither true nor false", s)
		}
		return s == "true", nil
	})
}

func (d *decoder) count(into *uint64) field {
	return scalar(d, into, func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is not a count; write a whole number from 0", s)
		}
		return n, nil
	})
}

// word reads one of a few words.
func word[T ~string](d *decoder, into *T, words ...T) field {
	return scalar(d, into, func(s string) (T, error) {
		if !slices.Contains(words, T(s)) {
			return "", fmt.Errorf("%q is none of %s", s, quoted(words))
		}
		return T(s), nil
	})
}

func quoted[T ~string](words []T) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// each reads the items of a list.
func (d *decoder) each(read func(*yaml.Node)) field {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.failf(n, "a list belongs here")
			return
		}
		for _, item := range n.Content {
			read(resolved(item))
		}
	}
}
