package redis

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reading is one answer to INFO, by field.
type reading map[string]string

// parse reads the text of INFO. A text without a version is not Redis talking. A last line
// without an end is half a line: its number would be a wrong one.
func parse(text string) (reading, error) {
	r := fieldsOf(text)
	if r["redis_version"] == "" && r["valkey_version"] == "" {
		return nil, errors.New("there is no redis_version in it")
	}
	return r, nil
}

// fieldsOf reads any text of lines name:value. Of modules, which all have one name, the second
// and further ones get a number.
func fieldsOf(text string) reading {
	r := reading{}
	modules := 0
	for line := range strings.Lines(text) {
		whole := strings.HasSuffix(line, "\n")
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if !ok || !whole || strings.HasPrefix(name, "#") {
			continue
		}
		if name == "module" {
			name += strconv.Itoa(modules)
			modules++
		}
		r[name] = value
	}
	return r
}

// number returns a field's value: a number, or 1 and 0 for what Redis says in words. NaN means
// that the field is not there, which the Builder leaves out.
func (r reading) number(name string) float64 {
	switch value := r[name]; value {
	case "ok", "up", "yes":
		return 1
	case "err", "fail", "down", "no":
		return 0
	default:
		return parseNumber(value)
	}
}

func parseNumber(text string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}

// age returns a field that counts seconds since a moment as that moment; NaN where there is none.
func (r reading) age(name string, now time.Time) float64 {
	seconds := r.number(name)
	if seconds < 0 {
		return math.NaN()
	}
	return float64(now.Unix()) - seconds
}

// now is the server's own clock where it tells it: ages of its moments must not depend on ours.
func (r reading) now(ours time.Time) time.Time {
	if micros, err := strconv.ParseInt(r["server_time_usec"], 10, 64); err == nil {
		return time.UnixMicro(micros)
	}
	return ours
}

// major is the first number of the version of Redis that the server is like; 0 if it is not known.
func (r reading) major() int {
	first, _, _ := strings.Cut(r["redis_version"], ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// numbered yields the fields called prefix and a number, such as db0 or slave1, each taken apart
// at its commas, in the order of their numbers.
func (r reading) numbered(prefix string) iter.Seq2[string, map[string]string] {
	isNumbered := func(name string) bool {
		digits, ok := strings.CutPrefix(name, prefix)
		return ok && digits != "" && len(digits) < 10 && strings.Trim(digits, "0123456789") == ""
	}
	byNumber := func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }
	return func(yield func(string, map[string]string) bool) {
		for _, name := range slices.SortedFunc(maps.Keys(r), byNumber) {
			if isNumbered(name) && !yield(name, parts(r[name])) {
				return
			}
		}
	}
}

// prefixed yields the fields whose names begin with prefix, by the rest of their names, each taken
// apart at its commas, in order.
func (r reading) prefixed(prefix string) iter.Seq2[string, map[string]string] {
	return func(yield func(string, map[string]string) bool) {
		for _, name := range slices.Sorted(maps.Keys(r)) {
			rest, ok := strings.CutPrefix(name, prefix)
			if ok && rest != "" && !yield(rest, parts(r[name])) {
				return
			}
		}
	}
}

// parts reads "a=1,b=2".
func parts(text string) map[string]string {
	values := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			values[name] = value
		}
	}
	return values
}

// longestName bounds every label: what is longer is no name.
const longestName = 100

// technical returns a value that may be a label: short and made of the characters of addresses,
// versions and command names. Anything else is somebody's text and becomes "".
func technical(value string) string {
	if len(value) > longestName {
		return ""
	}
	for _, c := range []byte(value) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("._-:|[]/+", rune(c)) {
			return ""
		}
	}
	return value
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
