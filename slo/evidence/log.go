package evidence

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// FileName is the record's name in the storage directory.
const FileName = "evidence.jsonl"

// Options say how a Log is kept.
type Options struct {
	// MaxWaiting is how many bytes of lines wait in memory while the disk refuses
	// them, before events are lost.
	MaxWaiting int
}

// DefaultOptions keep 16 MiB, about forty thousand events.
func DefaultOptions() Options { return Options{MaxWaiting: 16 << 20} }

func (o Options) validate() error {
	if o.MaxWaiting < MaxLine {
		return fmt.Errorf("evidence: MaxWaiting must be %d at least", MaxLine)
	}
	return nil
}

// Found is what Open found of an earlier run.
type Found struct {
	// Result is that of the record, without an incomplete last line.
	Result
	// Partial is the path of the file that now holds the incomplete last line, ""
	// if there was none.
	Partial string
}

// Log is the record of one installation. It is safe for concurrent use; one
// process at a time may have it open.
type Log struct {
	path  string
	opts  Options
	file  *os.File
	found Found

	mu      sync.Mutex
	head    Head
	size    int64  // of what is on the disk for sure
	waiting []byte // lines after that
}

// Open opens the record in a directory, or begins one there, and verifies it. It
// fails if another process writes it. Damage is no reason to fail: the damaged
// lines stay as they are for Verify to show, the chain goes on from the last
// sound line, and Found says so.
func Open(dir string, opts Options) (*Log, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the evidence's folder: %w", err)
	}
	path := filepath.Join(dir, FileName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open evidence: %w", err)
	}
	l := &Log{path: path, opts: opts, file: file}
	if err := errors.Join(l.lock(), syncDir(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("open evidence %s: %w", path, err), file.Close())
	}
	if err := l.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open evidence %s: %w", path, err), file.Close())
	}
	return l, nil
}

// lock makes this process the only writer until the file is closed.
func (l *Log) lock() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another process writes it")
	}
	return err
}

// recover finds the end of the chain and sets aside what stands after it.
func (l *Log) recover() error {
	result, err := Verify(l.file)
	if err != nil {
		return err
	}
	l.found.Result, l.head, l.size = result, result.Head, result.Bytes
	if result.PartialBytes == 0 {
		return nil
	}
	if l.found.Partial, err = l.setAside(); err != nil {
		return fmt.Errorf("set an incomplete last line aside: %w", err)
	}
	return nil
}

// setAside moves what follows the complete lines to a file of its own, named by
// when it was written. A crash in between leaves it to be done again, with the
// same name.
func (l *Log) setAside() (string, error) {
	info, err := l.file.Stat()
	if err != nil {
		return "", err
	}
	path := l.path + ".partial-" + info.ModTime().UTC().Format("20060102T150405.000000000Z")
	rest := io.NewSectionReader(l.file, l.size, info.Size()-l.size)
	if err := writeFile(path, rest); err != nil {
		return "", err
	}
	return path, errors.Join(l.file.Truncate(l.size), l.file.Sync())
}

// writeFile writes a file that is on the disk, with its name, afterwards.
func writeFile(path string, content io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close(), syncDir(filepath.Dir(path)))
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Found is what Open found. The caller says it in its log and, where something
// was wrong, records it as EvidenceRecovered.
func (l *Log) Found() Found { return l.found }

// Head is the end of the chain, lines that wait for the disk included.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Waiting is how many bytes of lines could not be written yet.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Append records one event; see AppendAll.
func (l *Log) Append(e Event) error { return l.AppendAll([]Event{e}) }

// AppendAll records events in their order and returns once they are on the disk.
// On a refused event, such as one whose payload is no object, nothing of the
// batch is recorded. Where the disk refuses, the lines are part of the chain but
// wait in memory and are written with the next ones; the caller has nothing to
// do but to say so.
func (l *Log) AppendAll(events []Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= l.opts.MaxWaiting {
		if err := l.flush(); err != nil {
			return fmt.Errorf("%d events are lost, too much waits already: %w", len(events), err)
		}
	}
	lines, head := l.waiting, l.head
	for _, e := range events {
		line, next, err := e.line(head)
		if err != nil {
			return err
		}
		lines, head = append(lines, line...), next
	}
	l.waiting, l.head = lines, head
	return l.flush()
}

// flush writes what waits. A write that failed half-way is written over by the
// next one, which begins with the same bytes.
func (l *Log) flush() error {
	if len(l.waiting) == 0 {
		return nil
	}
	_, err := l.file.WriteAt(l.waiting, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %d bytes of evidence, kept in memory: %w", len(l.waiting), err)
	}
	l.size += int64(len(l.waiting))
	l.waiting = nil
	return nil
}

// Close writes what waits and lets another process write.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.flush(), l.file.Close())
}

// Read hands out the entries on the disk from a sequence number on, oldest
// first. It may run beside Append.
func (l *Log) Read(from uint64) iter.Seq2[Entry, error] {
	l.mu.Lock()
	size := l.size
	l.mu.Unlock()
	return func(yield func(Entry, error) bool) {
		for e, err := range Read(io.NewSectionReader(l.file, 0, size)) {
			if (err != nil || e.Seq >= from) && !yield(e, err) {
				return
			}
		}
	}
}
