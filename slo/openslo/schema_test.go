package openslo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/go-openapi/spec"
	"github.com/go-openapi/strfmt"
	"github.com/go-openapi/validate"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// schemas are those of openslo/v1, by kind.
var schemas = sync.OnceValues(func() (map[string]*spec.Schema, error) {
	data, err := os.ReadFile("testdata/v1.schema.yaml")
	if err != nil {
		return nil, err
	}
	var doc any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var root spec.Schema
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	all := map[string]*spec.Schema{}
	for kind, schema := range root.Definitions {
		if err := spec.ExpandSchema(&schema, &root, nil); err != nil {
			return nil, err
		}
		all[kind] = &schema
	}
	return all, nil
})

// fits holds one document to the schema of its kind.
func fits(t testing.TB, text []byte) error {
	t.Helper()
	all, err := schemas()
	require.NoError(t, err)
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		asJSON, err := json.Marshal(doc)
		require.NoError(t, err)
		var plain any
		require.NoError(t, json.Unmarshal(asJSON, &plain))
		kind, _ := doc["kind"].(string)
		if all[kind] == nil {
			return errors.New("there is no schema for kind " + kind)
		}
		if err := validate.AgainstSchema(all[kind], plain, strfmt.Default); err != nil {
			return err
		}
	}
}

func valid(t testing.TB, text []byte) {
	t.Helper()
	require.NoError(t, fits(t, text), "%s", text)
}

func TestTheSchemaRefusesWhatTheSpecificationRefuses(t *testing.T) {
	const slo = `
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: s
  indicatorRef: a
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
`
	valid(t, []byte(slo))
	for name, change := range map[string][2]string{
		"name":              {"name: a}", "name: A_b}"},
		"target of 1":       {"0.99", "1"},
		"two targets":       {"target: 0.99", "target: 0.99, targetPercent: 99"},
		"unknown key":       {"service: s", "service: s\n  owner: me"},
		"method":            {"Occurrences", "Often"},
		"duration":          {"4w", "0d"},
		"no calendar":       {"isRolling: true", "isRolling: false"},
		"no indicator":      {"  indicatorRef: a\n", ""},
		"indicator by both": {"{target: 0.99}", "{target: 0.99, indicatorRef: a}"},
		"version":           {"openslo/v1", "openslo/v2"},
	} {
		t.Run(name, func(t *testing.T) {
			text := bytes.Replace([]byte(slo), []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, slo, string(text))
			require.Error(t, fits(t, text))
		})
	}
}
