package slo

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Instance is one objective for one group, usually one tenant: the thing that
// has a record, a budget and alerts. Instances are comparable and may be keys
// of maps.
type Instance struct {
	// Objective is the objective's name.
	Objective string
	// group holds the labels sorted by name as `tenant="st-anna",zone="b"`.
	group string
}

// Label is one name and value that a group has.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NewInstance names the instance of an objective for a group of labels, in any
// order.
func NewInstance(objective string, labels ...Label) Instance {
	if len(labels) > 1 {
		labels = slices.SortedFunc(slices.Values(labels), func(a, b Label) int {
			return strings.Compare(a.Name, b.Name)
		})
	}
	var group strings.Builder
	for i, l := range labels {
		if i > 0 {
			group.WriteByte(',')
		}
		group.WriteString(l.Name + "=" + strconv.Quote(l.Value))
	}
	return Instance{Objective: objective, group: group.String()}
}

// ParseInstance reads what String writes.
func ParseInstance(text string) (Instance, error) {
	name, rest, found := strings.Cut(text, "{")
	if !found {
		return Instance{Objective: text}, nil
	}
	group, closed := strings.CutSuffix(rest, "}")
	var labels []Label
	for group != "" && closed {
		label, tail, err := cutLabel(group)
		if err != nil {
			return Instance{}, fmt.Errorf("read instance %q: %w", text, err)
		}
		labels, group = append(labels, label), tail
	}
	if !closed || len(labels) == 0 {
		return Instance{}, fmt.Errorf(`read instance %q: write name{label="value"}`, text)
	}
	return NewInstance(name, labels...), nil
}

// cutLabel takes the first name="value" off a group.
func cutLabel(group string) (Label, string, error) {
	name, rest, found := strings.Cut(group, "=")
	quoted, err := strconv.QuotedPrefix(rest)
	if !found || err != nil {
		return Label{}, "", fmt.Errorf(`%q is no label="value"`, group)
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return Label{}, "", fmt.Errorf("unquote %s: %w", quoted, err)
	}
	return Label{name, value}, strings.TrimPrefix(rest[len(quoted):], ","), nil
}

// Labels are the group's labels, sorted by name.
func (i Instance) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for group := i.group; group != ""; {
			label, tail, err := cutLabel(group)
			if err != nil || !yield(label.Name, label.Value) {
				return
			}
			group = tail
		}
	}
}

// Get is the value of one label, or "".
func (i Instance) Get(label string) string {
	for name, value := range i.Labels() {
		if name == label {
			return value
		}
	}
	return ""
}

// Tenant is the tenant that the instance is about, or "" where it is about
// something else, such as a PostgreSQL target.
func (i Instance) Tenant() string { return i.Get("tenant") }

// String is the instance as PromQL would write it: login{tenant="st-anna"}.
func (i Instance) String() string {
	if i.group == "" {
		return i.Objective
	}
	return i.Objective + "{" + i.group + "}"
}

// MarshalText writes the instance as String does.
func (i Instance) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what ParseInstance reads.
func (i *Instance) UnmarshalText(text []byte) (err error) {
	*i, err = ParseInstance(string(text))
	return err
}

// Compare orders instances by objective, then by group.
func (i Instance) Compare(other Instance) int {
	if c := strings.Compare(i.Objective, other.Objective); c != 0 {
		return c
	}
	return strings.Compare(i.group, other.group)
}
