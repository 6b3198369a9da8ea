package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Folder is a folder of this machine, or one that is mounted. Symbolic links are not followed.
type Folder struct{ root string }

// NewFolder returns the folder at a path; it need not be there yet.
func NewFolder(root string) *Folder { return &Folder{root} }

// errEnough ends a walk that has seen all that it may.
var errEnough = errors.New("enough")

// List walks the folder. What may not be entered below the root is an error: it may hold the
// newest backup.
func (f *Folder) List(ctx context.Context, q Query, yield func(File) bool) (more bool, err error) {
	left := q.Most
	start := path.Dir(q.Prefix + "x") // the deepest folder that the prefix names
	tree := os.DirFS(f.root)
	err = fs.WalkDir(tree, start, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && name == start && start != "." && errors.Is(err, fs.ErrNotExist) && f.there():
			return fs.SkipAll
		case err != nil && name != start && errors.Is(err, fs.ErrNotExist):
			return nil // deleted since
		case err != nil:
			return err
		case entry.IsDir() && outside(name+"/", q):
			return fs.SkipDir
		}
		file, wanted, err := look(name, entry, q)
		if err != nil || !wanted {
			return err
		}
		if left--; left < 0 {
			more = true
			return errEnough
		}
		if !yield(file) {
			return errEnough
		}
		if file.Folder {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return more, because(ctx, "list folder "+f.root, err)
	}
	return more, nil
}

func (f *Folder) there() bool {
	info, err := os.Stat(f.root)
	return err == nil && info.IsDir()
}

// outside says whether nothing under a folder can be wanted.
func outside(folder string, q Query) bool {
	if folder == "./" {
		return false
	}
	related := strings.HasPrefix(folder, q.Prefix) || strings.HasPrefix(q.Prefix, folder)
	return !related || (q.After != "" && folder < q.After && !strings.HasPrefix(q.After, folder))
}

// look turns an entry of the walk into a file, if it is one that was asked for.
func look(name string, entry fs.DirEntry, q Query) (File, bool, error) {
	if entry.IsDir() {
		folder := name + "/"
		wanted := q.Flat && name != "." && strings.HasPrefix(folder, q.Prefix) && len(folder) > len(q.Prefix)
		if !wanted {
			return File{}, false, nil
		}
	} else if !entry.Type().IsRegular() || !strings.HasPrefix(name, q.Prefix) || name <= q.After {
		return File{}, false, nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, false, nil // deleted since
	}
	if err != nil {
		return File{}, false, err
	}
	if entry.IsDir() {
		return File{Name: name + "/", Modified: info.ModTime(), Folder: true}, true, nil
	}
	return File{Name: name, Size: info.Size(), Modified: info.ModTime()}, true, nil
}

// Open opens a file below the root, never one that a link leads to elsewhere.
func (f *Folder) Open(ctx context.Context, file File) (ReaderAtCloser, error) {
	root, err := os.OpenRoot(f.root)
	if err != nil {
		return nil, because(ctx, "open folder "+f.root, err)
	}
	defer root.Close()
	opened, err := root.Open(file.Name)
	if err != nil {
		return nil, because(ctx, "open a file in folder "+f.root, err)
	}
	return opened, nil
}

// LockedUntil is never: whoever may write to a folder may delete from it.
func (f *Folder) LockedUntil(context.Context, File) (time.Time, error) { return time.Time{}, nil }

// Guard says that there is none.
func (f *Folder) Guard(context.Context) (Guard, error) { return Guard{}, ErrUnguarded }

// Close has nothing to end.
func (f *Folder) Close() {}

// because gives an error of the file system its reason, and takes the path out of it: below the root
// it may hold names of people.
func because(ctx context.Context, what string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case context.Cause(ctx) != nil && !errors.Is(err, context.Cause(ctx)):
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case errors.Is(err, fs.ErrPermission):
		return collectors.Because(collectors.ReasonPermission, err)
	case errors.Is(err, fs.ErrNotExist):
		return collectors.Because(collectors.ReasonMissing, err)
	}
	return err
}
