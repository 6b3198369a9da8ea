package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration file: where, what, and what to do.
type Problem struct {
	File         string // "" where Text names its places itself
	Line, Column int    // 1-based; 0 where the file as a whole is meant
	Path         string // of the setting, such as targets.postgres[0].dsn; "" where none is meant
	Text         string
}

func (p Problem) Error() string {
	if p.File == "" {
		return p.Text
	}
	var out strings.Builder
	out.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&out, ":%d:%d", p.Line, p.Column)
	}
	out.WriteString(": ")
	if p.Path != "" {
		out.WriteString(p.Path + ": ")
	}
	out.WriteString(p.Text)
	return out.String()
}

// Problems is everything that is wrong with a file, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// asError is nil for no problems at all, and sorted otherwise.
func (p Problems) asError() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return p
}

// IsInvalid says whether an error is about the configuration file.
func IsInvalid(err error) bool {
	var problems Problems
	return errors.As(err, &problems)
}
