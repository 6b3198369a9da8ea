package config

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// place finds where in the file a setting stands, or, where it is missing, the nearest thing
// around it that is there.
func place(root *yaml.Node, path string) (line, column int) {
	n := root
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line, column = n.Line, n.Column
	for _, step := range steps(path) {
		key, value := descend(n, step)
		if value == nil {
			break
		}
		n, line, column = value, value.Line, value.Column
		if key != nil && (value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode) {
			line, column = key.Line, key.Column
		}
	}
	return line, column
}

// descend goes one step down: into a mapping by key, into a list by index.
func descend(n *yaml.Node, step string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.AliasNode:
		return descend(n.Alias, step)
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i < len(n.Content) {
			return nil, n.Content[i]
		}
	}
	return nil, nil
}

// steps splits targets.postgres[0].dsn into targets, postgres, 0, dsn.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}
