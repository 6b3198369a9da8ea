package logtail

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/wardround/wardround/collectors"
)

// Memory is what a source remembers of the lines before the place. It is kept in the same file, so
// that both are of the same moment. What it was given back may be of an older version, or spoilt:
// it keeps of it what it can use.
type Memory interface {
	json.Marshaler
	json.Unmarshaler
}

// place is where reading stopped.
type place struct {
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Offset  int64  `json:"offset"`
	Anchor  string `json:"anchor"`            // hash of the bytes before Offset: another file has others there
	Within  bool   `json:"within,omitempty"`  // in a line of which enough was handed over
	Changed int64  `json:"changed,omitempty"` // when the file was last written to, in nanoseconds since 1970
}

// state is what is kept over a restart.
type state struct {
	place
	Memory json.RawMessage `json:"memory,omitempty"`
}

const anchorSize = 256 // bytes

// take makes a file the one that is read, from a place in it on.
func (t *Tail) take(file *os.File, offset int64, within bool) error {
	t.Close()
	t.file, t.at = file, place{Offset: offset}
	return t.move(0, within)
}

// move moves the place within the file.
func (t *Tail) move(by int64, within bool) error {
	info, err := t.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	at := place{Offset: t.at.Offset + by, Within: within, Changed: info.ModTime().UnixNano()}
	at.Device, at.Inode = identify(info)
	at.Anchor, err = anchor(t.file, at.Offset)
	t.at = at
	return err
}

func identify(info os.FileInfo) (device, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Dev, s.Ino
	}
	return 0, 0
}

// anchor is the hash of the bytes before a place.
func anchor(file io.ReaderAt, offset int64) (string, error) {
	size := min(offset, anchorSize)
	before := make([]byte, size)
	if _, err := file.ReadAt(before, offset-size); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the log: %w", err)
	}
	sum := fnv.New128a()
	_, _ = sum.Write(before) // never fails
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// lastLine is where the last line of a file begins that is not finished yet. within says that this
// is further back than anybody looks.
func lastLine(file io.ReaderAt, size int64) (offset int64, within bool, err error) {
	tail := make([]byte, min(size, LongestLine))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, false, fmt.Errorf("read the log: %w", err)
	}
	if end := bytes.LastIndexByte(tail, '\n'); end >= 0 {
		return size - int64(len(tail)-end-1), false, nil
	}
	if size <= LongestLine {
		return 0, false, nil
	}
	return size, true, nil
}

// load is where a Tail before this one stopped; false where there was none. A state that cannot be
// understood is as good as none.
func (t *Tail) load() (place, bool, error) {
	if t.options.StatePath == "" {
		return place{}, false, nil
	}
	text, err := os.ReadFile(t.options.StatePath)
	if errors.Is(err, os.ErrNotExist) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, fmt.Errorf("read where the log was left: %w", err)
	}
	var kept state
	if understood := json.Unmarshal(text, &kept) == nil && kept.Offset >= 0 && kept.Anchor != ""; !understood {
		return place{}, false, nil
	}
	if t.options.Memory != nil && len(kept.Memory) > 0 {
		if err := t.options.Memory.UnmarshalJSON(kept.Memory); err != nil {
			return place{}, false, fmt.Errorf("read what was remembered of the log: %w", err)
		}
	}
	return kept.place, true, nil
}

// save keeps the place and the memory, whole or not at all.
func (t *Tail) save() error {
	if t.options.StatePath == "" || t.at == t.kept {
		return nil
	}
	now := state{place: t.at}
	var err error
	if t.options.Memory != nil {
		if now.Memory, err = t.options.Memory.MarshalJSON(); err != nil {
			return fmt.Errorf("keep what is remembered of the log: %w", err)
		}
	}
	text, err := json.Marshal(now)
	if err == nil {
		err = replace(t.options.StatePath, text)
	}
	if err != nil {
		return fmt.Errorf("keep where the log was left: %w", err)
	}
	t.kept = t.at
	return nil
}

// replace puts a text in place of a file's.
func replace(path string, text []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".log-*")
	if err != nil {
		return err
	}
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}

// because gives an error a reason, and takes the name of the file out of it.
func because(err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return collectors.Because(collectors.ReasonMissing, errors.New("the log is not there"))
	case errors.Is(err, os.ErrPermission):
		return collectors.Because(collectors.ReasonPermission, errors.New("the log may not be read"))
	case errors.As(err, &path):
		return fmt.Errorf("%s the log: %w", path.Op, path.Err)
	}
	return err
}
