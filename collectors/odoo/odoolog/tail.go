package odoolog

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// place is where reading stopped.
type place struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"` // behind the last whole line
	Anchor string `json:"anchor"` // hash of the bytes before Offset: another file has others there
}

// tail follows one file by its name. Its owner closes it.
type tail struct {
	path string
	file *os.File // the one that was read last; nil before the first time
	at   place
	gaps uint64 // times that the file in which it had stopped was gone
}

const (
	longestLine = 64 << 10 // of which no more is kept; the rest of a longer one is passed over
	mostBytes   = 64 << 20 // that are read in one round
	anchorSize  = 256      // bytes
)

// start goes on where another reader stopped; without a place it begins at the file's end.
func (t *tail) start(at *place) error {
	if at == nil {
		return t.open(io.SeekEnd)
	}
	t.at = *at
	candidates, err := filepath.Glob(t.path + "*")
	if err != nil {
		return fmt.Errorf("look for the rotated log: %w", err)
	}
	for _, name := range append([]string{t.path}, candidates...) {
		file, err := os.Open(name)
		if err != nil {
			continue
		}
		if device, inode, err := identify(file); err == nil && device == at.Device && inode == at.Inode {
			t.file = file
			return nil // read looks whether it was truncated since
		}
		if err := file.Close(); err != nil {
			return fmt.Errorf("close a rotated log: %w", err)
		}
	}
	t.gaps++
	return t.open(io.SeekStart)
}

// open takes the file that has the name now, from its beginning or its end.
func (t *tail) open(whence int) error {
	file, err := os.Open(t.path)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	end, err := file.Seek(0, whence)
	device, inode, identified := identify(file)
	if err = errors.Join(err, identified); err != nil {
		return errors.Join(fmt.Errorf("open the log: %w", err), file.Close())
	}
	t.close()
	t.file, t.at = file, place{Device: device, Inode: inode, Offset: end}
	t.at.Anchor, err = t.anchor()
	return err
}

func identify(file *os.File) (device, inode uint64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, errors.New("the file has no inode")
	}
	return s.Dev, s.Ino, nil
}

// anchor is the hash of the bytes before the place.
func (t *tail) anchor() (string, error) {
	size := min(t.at.Offset, anchorSize)
	before := make([]byte, size)
	if _, err := t.file.ReadAt(before, t.at.Offset-size); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the log: %w", err)
	}
	sum := fnv.New128a()
	_, _ = sum.Write(before) // never fails
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// check begins anew where the file was truncated since the last time: it is shorter, or has other
// bytes before the place.
func (t *tail) check() error {
	info, err := t.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	anchor, err := t.anchor()
	if err != nil {
		return err
	}
	if info.Size() < t.at.Offset || anchor != t.at.Anchor {
		t.at.Offset = 0
		t.at.Anchor, err = t.anchor()
	}
	return err
}

// read hands the whole new lines over, up to the bound, and says how many bytes it left. A file
// that was renamed is read to its end before the one that has its name now.
func (t *tail) read(ctx context.Context, each func(line []byte)) (behind int64, err error) {
	budget := int64(mostBytes)
	for {
		if err := t.check(); err != nil {
			return 0, err
		}
		n, err := t.lines(ctx, budget, each)
		if err != nil {
			return 0, err
		}
		budget -= n
		left, renamed, err := t.look()
		if err != nil || !renamed || left > longestLine || budget <= 0 {
			return left, err
		}
		if err := t.open(io.SeekStart); err != nil {
			return 0, err
		}
	}
}

// look says how much of the file is not read, and whether another file has its name now.
func (t *tail) look() (left int64, renamed bool, err error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, false, fmt.Errorf("look at the log: %w", err)
	}
	named, err := os.Stat(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return info.Size() - t.at.Offset, false, nil // between renaming and making a new one
	}
	if err != nil {
		return 0, false, fmt.Errorf("look at the log: %w", err)
	}
	return info.Size() - t.at.Offset, !os.SameFile(info, named), nil
}

// lines reads up to about budget bytes of whole lines from the place on, and moves it.
func (t *tail) lines(ctx context.Context, budget int64, each func(line []byte)) (int64, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(t.file, t.at.Offset, 1<<62), longestLine)
	var done int64
	for n := 0; done < budget; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			break
		}
		text, size, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return done, fmt.Errorf("read the log: %w", err)
		}
		each(text)
		done += size
	}
	t.at.Offset += done
	var err error
	t.at.Anchor, err = t.anchor()
	return done, errors.Join(err, context.Cause(ctx))
}

// nextLine is the next whole line, of a long one its beginning, and its size. A line that is not
// whole yet is io.EOF.
func nextLine(in *bufio.Reader) (text []byte, size int64, err error) {
	text, err = in.ReadSlice('\n')
	size = int64(len(text))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return text, size, err
	}
	text = append([]byte(nil), text...)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		size += int64(len(more))
	}
	return text, size, err
}

func (t *tail) close() {
	if t.file != nil {
		_ = t.file.Close() // it was only read
		t.file = nil
	}
}
