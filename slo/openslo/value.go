package openslo

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/slo"
)

// value is a place in a document that may be empty. An absent one stands at its
// parent and knows the path that it would have.
type value struct {
	r       *reader
	node    *yaml.Node
	file    string
	path    string
	present bool
	key     *yaml.Node // under which it stands, if any
}

func (v value) position() slo.Position {
	return slo.Position{File: v.file, Line: v.node.Line, Column: v.node.Column}
}

func (v value) failf(format string, args ...any) {
	v.r.fault(v.position(), v.path, fmt.Sprintf(format, args...))
}

func (v value) warnf(format string, args ...any) {
	v.r.warn(v.position(), v.path, fmt.Sprintf(format, args...))
}

// child is the value below a key or index; null counts as absent.
func (v value) child(step string, n *yaml.Node) value {
	path := v.path + step
	if v.path == "" {
		path = strings.TrimPrefix(step, ".")
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return value{v.r, n, v.file, path, n.Kind != yaml.ScalarNode || n.Tag != "!!null", nil}
}

// peek is the text below a key, without judging anything.
func (v value) peek(key string) string {
	for i := 0; i+1 < len(v.node.Content) && v.node.Kind == yaml.MappingNode; i += 2 {
		if v.node.Content[i].Value == key {
			return v.node.Content[i+1].Value
		}
	}
	return ""
}

// object is a mapping whose keys are known.
type object struct {
	value
	keys map[string]value
}

// at is the value of a key.
func (o object) at(key string) value {
	if v, ok := o.keys[key]; ok {
		return v
	}
	path := key
	if o.path != "" {
		path = o.path + "." + key
	}
	return value{o.r, o.node, o.file, path, false, nil}
}

// mapping reads keys and refuses others than these.
func (v value) mapping(keys ...string) (object, bool) {
	if !v.present || v.node.Kind != yaml.MappingNode {
		v.failf("keys and values belong here; the keys are %s", strings.Join(keys, ", "))
		return object{}, false
	}
	o := object{v, map[string]value{}}
	for key, child := range v.entries() {
		if !slices.Contains(keys, key) {
			child.node = child.key
			child.failf("there is no such key; the keys are %s%s", strings.Join(keys, ", "), meant(key, keys))
			continue
		}
		o.keys[key] = child
	}
	return o, true
}

func meant(key string, keys []string) string {
	for _, k := range keys {
		if strings.EqualFold(k, key) {
			return "; write " + k
		}
	}
	return ""
}

// entries are the keys and values of a mapping of any keys; none if absent.
func (v value) entries() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		if !v.present {
			return
		}
		if v.node.Kind != yaml.MappingNode {
			v.failf("keys and values belong here")
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			key := v.node.Content[i]
			child := v.child("."+key.Value, v.node.Content[i+1])
			child.key = key
			if seen[key.Value] {
				child.node = key
				child.failf("this stands twice; keep one")
				continue
			}
			seen[key.Value] = true
			if !yield(key.Value, child) {
				return
			}
		}
	}
}

// items are the items of a list; none if absent.
func (v value) items() []value {
	if !v.present {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.failf("a list belongs here")
		return nil
	}
	all := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		all[i] = v.child(fmt.Sprintf("[%d]", i), n)
	}
	return all
}

// optional is a single value, trimmed; "" if absent.
func (v value) optional() string {
	if !v.present {
		return ""
	}
	if v.node.Kind != yaml.ScalarNode {
		v.failf("a single value belongs here")
		return ""
	}
	return strings.TrimSpace(v.node.Value)
}

// text is a single value that must be there.
func (v value) text() string {
	if v.present && v.node.Kind != yaml.ScalarNode {
		return v.optional()
	}
	text := v.optional()
	if text == "" {
		v.failf("this is missing; write it")
	}
	return text
}

// flag is true or false; ok says whether it is there.
func (v value) flag() (on, ok bool) {
	switch text := v.optional(); text {
	case "true", "false":
		return text == "true", true
	case "":
	default:
		v.failf("%q is neither true nor false", text)
	}
	return false, false
}

// word is one of a few words; "" if absent or another.
func (v value) word(words ...string) string {
	text := v.optional()
	if text != "" && !slices.Contains(words, text) {
		v.failf("%q is none of %s", text, strings.Join(words, ", "))
		return ""
	}
	return text
}
