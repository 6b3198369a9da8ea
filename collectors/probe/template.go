package probe

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// fill puts values in place of placeholders.
func fill(text string, value func(name string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string { return value(found[1 : len(found)-1]) })
}

// values are what can be filled in: of the tenant, and what steps extracted.
type values map[string]string

// url fills in a URL: the host as it is, everything else so that it cannot add parts of its own.
func (v values) url(text string) string {
	return fill(text, func(name string) string {
		if name == "host" {
			return v[name]
		}
		return url.QueryEscape(v[name])
	})
}

// header fills in a header. What would begin another line is not sent: net/http refuses it.
func (v values) header(text string) string {
	return fill(text, func(name string) string { return v[name] })
}

// body fills in a body as its content type asks for.
func (v values) body(text, contentType string) string {
	escape := func(value string) string { return value }
	switch kind, _, _ := strings.Cut(strings.ToLower(contentType), ";"); strings.TrimSpace(kind) {
	case "application/x-www-form-urlencoded":
		escape = url.QueryEscape
	case "application/json":
		escape = func(value string) string {
			quoted, err := json.Marshal(value)
			if err != nil {
				return ""
			}
			return string(quoted[1 : len(quoted)-1])
		}
	}
	return fill(text, func(name string) string { return escape(v[name]) })
}
