package logtail

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/wardround/wardround/collectors"
)

// start finds the file in which an earlier Tail had stopped. Without one it begins at the log's
// end, or at its beginning where that was asked for or the log was not there a while ago.
func (t *Tail) start() error {
	kept, found, err := t.load()
	if err != nil {
		return err
	}
	if !found {
		return t.begin()
	}
	file, err := t.find(func(_ *os.File, info os.FileInfo) bool {
		device, inode := identify(info)
		return device == kept.Device && inode == kept.Inode
	}, t.options.Path)
	if err != nil {
		return err
	}
	t.at, t.kept = kept, kept
	if file != nil {
		t.file = file
		return nil // check looks whether it is the same still
	}
	if file, err = t.copied(); err != nil || file != nil {
		return errors.Join(err, t.takeCopy(file))
	}
	if err := t.next(); err != nil {
		return err
	}
	t.gaps++
	return nil
}

// begin opens the log for the first time.
func (t *Tail) begin() error {
	file, info, err := open(t.options.Path)
	if err != nil {
		return err
	}
	if t.options.FromStart || t.waited {
		return t.take(file, 0, false)
	}
	offset, within, err := lastLine(file, info.Size())
	return errors.Join(err, t.take(file, offset, within))
}

// check looks whether the file was truncated since the last time: it is shorter, or has other bytes
// before the place. Then the rest is read in its copy; without one the file is begun anew.
func (t *Tail) check() error {
	same, err := t.holds(t.file)
	if err != nil || same {
		return err
	}
	copied, err := t.copied()
	if err != nil {
		return err
	}
	if copied != nil {
		return t.takeCopy(copied)
	}
	t.gaps++
	return t.move(-t.at.Offset, false)
}

// holds says whether a file has the bytes that were read. A shorter one has not.
func (t *Tail) holds(file *os.File) (bool, error) {
	before, err := anchor(file, t.at.Offset)
	return before == t.at.Anchor, err
}

// copied finds the copy of what was read, nil where there is none.
func (t *Tail) copied() (*os.File, error) {
	if t.at.Offset == 0 {
		return nil, nil
	}
	return t.find(func(file *os.File, _ os.FileInfo) bool {
		same, err := t.holds(file)
		return err == nil && same
	})
}

func (t *Tail) takeCopy(file *os.File) error {
	if file == nil {
		return nil
	}
	return t.take(file, t.at.Offset, t.at.Within)
}

// find opens the first file that is the one, of the given and the rotated; nil where none is.
func (t *Tail) find(is func(*os.File, os.FileInfo) bool, first ...string) (*os.File, error) {
	rotated, err := t.rotated()
	if err != nil {
		return nil, err
	}
	for _, name := range append(first, rotated...) {
		file, info, err := open(name)
		if err != nil {
			continue // it went, or is none of ours
		}
		if is(file, info) {
			return file, nil
		}
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("close a rotated log: %w", err)
		}
	}
	return nil, nil
}

// rotationSuffix is what rotation appends to a log's name: a number, a date, a time. Another
// ending is of a file that somebody else writes, or a compressed one.
var rotationSuffix = regexp.MustCompile(`^[.-][0-9][0-9TZ._-]*$`)

// rotated are the names of the log's older files, the one that was changed last at the end.
func (t *Tail) rotated() ([]string, error) {
	dir, base := filepath.Split(t.options.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for the rotated log: %w", err)
	}
	changed := map[string]int64{}
	var names []string
	for _, e := range entries {
		suffix, ours := strings.CutPrefix(e.Name(), base)
		if !ours || !rotationSuffix.MatchString(suffix) {
			continue
		}
		if info, err := e.Info(); err == nil {
			name := dir + e.Name()
			changed[name] = info.ModTime().UnixNano()
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(changed[a], changed[b]) })
	return names, nil
}

// replaced says whether another file has the log's name by now, and lines in it: then nobody writes
// to this one any more.
func (t *Tail) replaced() (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the log: %w", err)
	}
	named, err := os.Stat(t.options.Path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // between renaming and making a new one
	}
	if err != nil {
		return false, fmt.Errorf("look at the log: %w", err)
	}
	return named.Size() > 0 && !os.SameFile(info, named), nil
}

// next opens what follows the file that was read to its end: the oldest that was changed after it,
// at last the one that has the log's name.
func (t *Tail) next() error {
	followers, err := t.followers()
	if err != nil {
		return err
	}
	for _, name := range append(followers, t.options.Path) {
		file, _, err := open(name)
		if errors.Is(err, os.ErrNotExist) && name != t.options.Path {
			continue // rotated once more in this moment
		}
		if err != nil {
			return err
		}
		return t.take(file, 0, false)
	}
	return nil
}

// followers are the rotated files that came after the one that is read.
func (t *Tail) followers() ([]string, error) {
	rotated, err := t.rotated()
	if err != nil || t.at.Changed == 0 { // kept by a version that did not know when
		return nil, err
	}
	return slices.DeleteFunc(rotated, func(name string) bool {
		info, err := os.Stat(name)
		if err != nil || info.ModTime().UnixNano() <= t.at.Changed {
			return true
		}
		device, inode := identify(info)
		return device == t.at.Device && inode == t.at.Inode
	}), nil
}

// behind is how many bytes are left to be read, in all files.
func (t *Tail) behind() (int64, error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at the log: %w", err)
	}
	left := info.Size() - t.at.Offset
	named, err := os.Stat(t.options.Path)
	if err != nil || os.SameFile(info, named) {
		return left, nil //nolint:nilerr // between renaming and making a new one there is nothing more
	}
	followers, err := t.followers()
	if err != nil {
		return 0, err
	}
	for _, name := range append(followers, t.options.Path) {
		if info, err := os.Stat(name); err == nil {
			left += info.Size()
		}
	}
	return left, nil
}

// open opens a regular file. Something else could block, or never end.
func open(name string) (*os.File, os.FileInfo, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = collectors.Because(collectors.ReasonProtocol, errors.New("it is no regular file"))
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the log: %w", err), file.Close())
	}
	return file, info, nil
}
