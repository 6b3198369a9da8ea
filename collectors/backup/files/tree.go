package files

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"time"
)

// Under shows what lies under a folder of a Store, whose name ends with a slash, as a file system
// for as long as ctx lasts. Only files can be opened, by their whole name: a bucket has no folders.
func Under(ctx context.Context, s Store, folder string) fs.FS { return tree{ctx, s, folder} }

type tree struct {
	ctx    context.Context // of whoever looks at it
	store  Store
	folder string
}

// Open finds a file and opens it.
func (t tree) Open(name string) (fs.File, error) {
	failed := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return failed(fs.ErrInvalid)
	}
	var found File
	_, err := t.store.List(t.ctx, Query{Prefix: t.folder + name, Most: 1}, func(f File) bool {
		found = f
		return false
	})
	if err != nil {
		return failed(err)
	}
	if found.Name != t.folder+name {
		return failed(fs.ErrNotExist)
	}
	content, err := t.store.Open(t.ctx, found)
	if err != nil {
		return failed(err)
	}
	whole := io.NewSectionReader(content, 0, found.Size)
	return &leaf{Reader: bufio.NewReaderSize(whole, int(min(found.Size, mostAtOnce))), Closer: content, info: info{found, name}}, nil
}

// mostAtOnce is how much of a file is asked for at once: each part is a request of its own.
const mostAtOnce = 4 << 20

// leaf is an open file, read from its beginning.
type leaf struct {
	io.Reader
	io.Closer
	info info
}

// Stat says what the list said.
func (l *leaf) Stat() (fs.FileInfo, error) { return l.info, nil }

// info is a File as file systems describe theirs.
type info struct {
	file File
	name string
}

// Name is the one that was opened.
func (i info) Name() string { return i.name }

// Size is in bytes.
func (i info) Size() int64 { return i.file.Size }

// Mode is that of a file that can be read.
func (i info) Mode() fs.FileMode { return 0o444 }

// ModTime is by the clock of whoever keeps it.
func (i info) ModTime() time.Time { return i.file.Modified }

// IsDir is never so.
func (i info) IsDir() bool { return false }

// Sys is nothing.
func (i info) Sys() any { return nil }
