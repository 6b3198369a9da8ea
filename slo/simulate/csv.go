package simulate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// ReadCSV reads minutes from a table such as a ledger's export. name stands for
// it in errors, which say file:line:column. Its head is
//
//	minute,objective,<labels>,good,bad[,carried]
//
// with any number of columns for labels, none for instances without; an empty
// one is a label that the instance lacks. minute is RFC 3339 and whole, and rows
// are sorted by it. carried is true where a row repeats an earlier one, as
// no_data: carry does, and false or empty elsewhere. A row with nothing but a
// minute says that it was watched and nothing was measured.
func ReadCSV(name string, r io.Reader) Source {
	return func(yield func(Minute, error) bool) {
		t := table{name: name, csv: csv.NewReader(r), instances: map[string]*rowInstance{}}
		t.csv.ReuseRecord = true
		if err := t.read(yield); err != nil {
			yield(Minute{}, err)
		}
	}
}

// table is a CSV being read.
type table struct {
	name      string
	csv       *csv.Reader
	labels    []string
	carried   bool // there is such a column
	instances map[string]*rowInstance
	key       []byte
	stamp     string // of the minute being gathered
	minute    Minute
}

// rowInstance is an instance and the minute of its last row.
type rowInstance struct {
	slo.Instance
	seen time.Time
}

const (
	minuteField = iota
	objectiveField
	labelField // the first label, or good
)

// read hands out minutes until there are no more, or none are wanted.
func (t *table) read(yield func(Minute, error) bool) error {
	head, err := t.csv.Read()
	if err == nil {
		err = t.head(head)
	}
	if err != nil {
		return t.syntax(err)
	}
	for {
		row, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			if t.stamp != "" {
				yield(t.minute, nil)
			}
			return nil
		}
		if err != nil {
			return t.syntax(err)
		}
		if row[minuteField] != t.stamp {
			if t.stamp != "" && !yield(t.minute, nil) {
				return nil
			}
			if err := t.begin(row[minuteField]); err != nil {
				return err
			}
		}
		if err := t.row(row); err != nil {
			return err
		}
	}
}

// syntax puts what the CSV reader finds into the form of all other faults.
func (t *table) syntax(err error) error {
	var fault *csv.ParseError
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("%s:%d:%d: %w", t.name, fault.Line, max(1, fault.Column), fault.Err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s:1:1: the file is empty; its first line is minute,objective,<labels>,good,bad", t.name)
	}
	return err
}

// failf is a fault in a field of the row that was read last.
func (t *table) failf(field int, format string, args ...any) error {
	line, column := t.csv.FieldPos(field)
	return fmt.Errorf("%s:%d:%d: %s", t.name, line, column, fmt.Sprintf(format, args...))
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// head reads the names of the columns.
func (t *table) head(names []string) error {
	if last := len(names) - 1; last > 0 && names[last] == "carried" {
		t.carried, names = true, names[:last]
	}
	good := max(labelField, len(names)-2)
	for _, want := range []struct {
		field int
		name  string
	}{{minuteField, "minute"}, {objectiveField, "objective"}, {good, "good"}, {good + 1, "bad"}} {
		if want.field >= len(names) {
			return t.failf(len(names)-1, "the head ends here; write minute,objective,<labels>,good,bad")
		}
		if got := names[want.field]; got != want.name {
			return t.failf(want.field, "this column is %q and must be %s: write minute,objective,<labels>,good,bad", got, want.name)
		}
	}
	t.labels = slices.Clone(names[labelField:good])
	for i, l := range t.labels {
		if !labelName.MatchString(l) {
			return t.failf(labelField+i, "%q is not a label name", l)
		}
		if slices.Contains(t.labels[:i], l) {
			return t.failf(labelField+i, "label %s stands twice", l)
		}
	}
	return nil
}

// begin starts to gather the minute of a row.
func (t *table) begin(text string) error {
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return t.failf(minuteField, "%q is not a time; write one such as 2026-03-11T12:00:00Z", text)
	case !at.Equal(slo.Minute(at)):
		return t.failf(minuteField, "%s is not a whole minute", text)
	case !at.After(t.minute.At) && t.stamp != "":
		return t.failf(minuteField, "%s does not come after %s; sort the file by minute", text, t.stamp)
	}
	t.stamp = text
	t.minute = Minute{At: at.UTC(), Deltas: t.minute.Deltas[:0]}
	return nil
}

// row adds a row to the minute.
func (t *table) row(row []string) error {
	if !slices.ContainsFunc(row[objectiveField:], func(s string) bool { return s != "" }) {
		return nil // it was watched
	}
	if row[objectiveField] == "" {
		return t.failf(objectiveField, "the objective is missing")
	}
	var d slo.Delta
	var err error
	good := labelField + len(t.labels)
	i := t.instance(row[objectiveField:good])
	if i.seen.Equal(t.minute.At) {
		return t.failf(objectiveField, "%s stands in this minute twice", i.Instance)
	}
	d.Instance, i.seen = i.Instance, t.minute.At
	if d.Counts.Good, err = t.count(row, good); err != nil {
		return err
	}
	if d.Counts.Bad, err = t.count(row, good+1); err != nil {
		return err
	}
	if t.carried {
		switch text := row[good+2]; text {
		case "true":
			d.Carried = true
		case "false", "":
		default:
			return t.failf(good+2, "%q is neither true nor false", text)
		}
	}
	t.minute.Deltas = append(t.minute.Deltas, d)
	return nil
}

func (t *table) count(row []string, field int) (uint64, error) {
	n, err := strconv.ParseUint(row[field], 10, 62)
	if err != nil {
		return 0, t.failf(field, "%q is not a count; write a whole number from 0", row[field])
	}
	return n, nil
}

// instance is that of an objective and label values, made once for each.
func (t *table) instance(fields []string) *rowInstance {
	t.key = t.key[:0]
	for _, f := range fields {
		t.key = append(append(t.key, f...), 0)
	}
	if i := t.instances[string(t.key)]; i != nil {
		return i
	}
	var labels []slo.Label
	for k, name := range t.labels {
		if value := fields[1+k]; value != "" {
			labels = append(labels, slo.Label{Name: name, Value: value})
		}
	}
	i := &rowInstance{Instance: slo.NewInstance(strings.Clone(fields[0]), labels...)}
	t.instances[string(t.key)] = i
	return i
}
