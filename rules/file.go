package rules

import (
	"bytes"
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// File is one file to write; Name has no folder.
type File struct {
	Name    string
	Content []byte
}

// ruleFile, group and rule are Prometheus' schema, as far as it is used here.
type ruleFile struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        expression        `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// expression is a syntax tree that is written as its text.
type expression struct{ parser.Expr }

// MarshalYAML writes the expression, and fails if the parser does not agree that it is one.
func (e expression) MarshalYAML() (any, error) { return text(e.Expr) }

// encode writes content as YAML below a comment.
func encode(comment string, content any) ([]byte, error) {
	var document yaml.Node
	if err := document.Encode(content); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	document.HeadComment = comment
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return out.Bytes(), nil
}
