package collectors

import "fmt"

// FieldError says what is wrong with one setting of a configuration and what to do about it. The
// configuration reader turns Path, which is relative to the part that the package owns, into the
// place in the file.
type FieldError struct {
	Path    string // such as "dsn" or "databases[2].pattern"
	Problem string // what is wrong, and what to write instead
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Problem }

// Invalid makes a FieldError.
func Invalid(path, format string, args ...any) error {
	return &FieldError{Path: path, Problem: fmt.Sprintf(format, args...)}
}
