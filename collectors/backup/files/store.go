package files

import (
	"context"
	"errors"
	"io"
	"time"
)

// File is one file of a folder or one object of a bucket.
type File struct {
	Name     string    // with slashes, relative to the place's root
	Size     int64     // bytes
	Modified time.Time // when it was last written, by the clock of whoever keeps it
	Folder   bool      // a place for others, its name ending with a slash; only where folders were asked for
}

// Query says what is to be listed.
type Query struct {
	Prefix string // that names must begin with; may end within a name
	After  string // only names after this one; "" means all
	Flat   bool   // only what lies directly under Prefix, folders included
	Most   int    // how many files may be listed
}

// Guard is how a bucket protects what is in it.
type Guard struct {
	Versioned bool // what is overwritten or deleted can be had back
	Locked    bool // objects can be locked against deletion
	Encrypted bool // the bucket encrypts what is written, by its own default
}

// ReaderAtCloser reads parts of one file.
type ReaderAtCloser interface {
	io.ReaderAt
	io.Closer
}

// Store is a folder or a bucket.
type Store interface {
	// List calls yield for each file, in the order of names, until all are listed, Query.Most
	// is reached (more is then true), yield returns false, or ctx ends.
	List(ctx context.Context, q Query, yield func(File) bool) (more bool, err error)
	// Open gives access to a file while ctx lasts. The caller closes it.
	Open(ctx context.Context, f File) (ReaderAtCloser, error)
	// LockedUntil is until when nobody can delete a file; the zero time where anybody can.
	LockedUntil(ctx context.Context, f File) (time.Time, error)
	// Guard is how the place protects what is in it; ErrUnguarded for one that cannot.
	Guard(ctx context.Context) (Guard, error)
	// Close ends what is kept open.
	Close()
}

// ErrUnguarded says that a place has neither versions nor locks to ask for.
var ErrUnguarded = errors.New("a folder has no versions and no locks")
