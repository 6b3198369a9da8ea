package changes

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// journal is the file of changes and of last known values. Every line stands for itself; later
// lines replace earlier ones about the same thing. A line is on disk before anything in memory
// shows it. Its owner locks.
type journal struct {
	path    string
	logger  *slog.Logger
	file    *os.File
	size    int64 // of what is good
	lines   int
	max     int // changes that are kept
	horizon time.Time
	totals  map[tally]uint64 // of changes that are kept no more
	known   map[string]items
	changes *index
}

// tally names one count: a tenant ("" for the platform), a kind, and an outcome.
type tally struct{ Tenant, Kind, Outcome string }

// items are values by name, as last known.
type items map[string]string

// line is one line of the file; exactly one of Journal, and Change or Known or both, is set.
type line struct {
	Journal int       `json:"journal,omitempty"` // version, on the first line
	Horizon time.Time `json:"horizon,omitzero"`  // what began before is no longer known
	Totals  []total   `json:"totals,omitempty"`
	Change  *Change   `json:"change,omitempty"`
	Known   *known    `json:"known,omitempty"`
}

type total struct {
	tally
	N uint64
}

type known struct {
	Key   string `json:"key"`
	Items items  `json:"items"` // empty means that nothing is known any more
}

const journalVersion = 1

// openJournal reads the file of a directory, sets damaged lines aside, forgets what is older than
// horizon or beyond max, and writes what is left in place of the file.
func openJournal(dir string, horizon time.Time, max int, logger *slog.Logger) (*journal, error) {
	j := &journal{
		path: filepath.Join(dir, "changes.jsonl"), logger: logger, max: max,
		totals: map[tally]uint64{}, known: map[string]items{}, changes: newIndex(),
	}
	text, err := os.ReadFile(j.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	if err := j.read(text); err != nil {
		return nil, err
	}
	if err := j.compact(horizon); err != nil {
		return nil, err
	}
	return j, nil
}

// read takes every good line. The last one may have been torn by a crash and was then never
// answered for; others that are damaged are kept beside the file for whoever wants to look.
func (j *journal) read(text []byte) error {
	var damaged [][]byte
	for raw := range bytes.Lines(text) {
		var l line
		err := json.Unmarshal(raw, &l)
		switch {
		case err == nil && l.Journal > journalVersion:
			return fmt.Errorf("read changes: %s was written by a newer version", j.path)
		case err == nil && l.sound():
			j.apply(&l)
		case bytes.HasSuffix(raw, []byte("\n")):
			damaged = append(damaged, raw)
		}
	}
	if len(damaged) == 0 {
		return nil
	}
	j.logger.Error("changes: damaged lines were set aside", "lines", len(damaged), "file", j.path+".damaged")
	return setAside(j.path+".damaged", damaged)
}

func setAside(path string, lines [][]byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("set damaged changes aside: %w", err)
	}
	_, err = f.Write(bytes.Join(lines, nil))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("set damaged changes aside: %w", err)
	}
	return nil
}

// sound says whether a line can be what was written.
func (l *line) sound() bool {
	if l.Change != nil && (l.Change.Key == "" || l.Change.Started.IsZero() || !slices.Contains(kinds, l.Change.Kind) && !l.Change.moves()) {
		return false
	}
	return l.Journal != 0 || l.Change != nil || l.Known != nil && l.Known.Key != ""
}

func (j *journal) apply(l *line) {
	j.lines++
	if l.Journal != 0 {
		j.horizon = l.Horizon
		for _, t := range l.Totals {
			j.totals[t.tally] = t.N
		}
	}
	if l.Change != nil {
		j.changes.put(l.Change)
	}
	switch {
	case l.Known == nil:
	case len(l.Known.Items) == 0:
		delete(j.known, l.Known.Key)
	default:
		j.known[l.Known.Key] = l.Known.Items
	}
}

// add writes a line and then shows it. Of a line that could not be written whole nothing stays.
func (j *journal) add(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write change: %w", err)
	}
	text = append(text, '\n')
	if j.file == nil {
		return fmt.Errorf("write change: %w", os.ErrClosed)
	}
	_, err = j.file.WriteAt(text, j.size)
	if err := errors.Join(err, j.file.Sync()); err != nil {
		return errors.Join(fmt.Errorf("write change: %w", err), j.file.Truncate(j.size))
	}
	j.size += int64(len(text))
	j.apply(&l)
	if len(j.changes.all) > j.max+j.max/10 || j.lines > roomy+2*(len(j.changes.all)+len(j.known)) {
		if err := j.compact(j.horizon); err != nil {
			j.logger.Error("changes: the file could not be made smaller", "error", err)
		}
	}
	return nil
}

// roomy is how many lines the file may have beyond twice those that it needs.
const roomy = 10_000

// compact forgets what began before horizon and what is beyond the maximum, and replaces the file
// by one that holds the rest.
func (j *journal) compact(horizon time.Time) error {
	if horizon.After(j.horizon) {
		j.horizon = horizon
	}
	if beyond := len(j.changes.all) - j.max; beyond > 0 {
		j.horizon = j.changes.all[beyond].Started
	}
	for len(j.changes.all) > 0 && j.changes.all[0].Started.Before(j.horizon) {
		oldest := j.changes.all[0]
		oldest.tallied(func(t tally) { j.totals[t]++ })
		j.changes.remove(oldest)
	}
	return j.rewrite()
}

// rewrite replaces the file as a whole or not at all, whatever happens meanwhile.
func (j *journal) rewrite() (err error) {
	f, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*")
	if err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	size, err := j.write(f)
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write changes: %w", err), f.Close(), os.Remove(f.Name()))
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file, j.size, j.lines = f, size, 1+len(j.changes.all)+len(j.known)
	return errors.Join(err, syncFolder(filepath.Dir(j.path)))
}

// syncFolder makes a rename survive a loss of power, where the file system can.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open storage directory: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (j *journal) write(f *os.File) (int64, error) {
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	head := line{Journal: journalVersion, Horizon: j.horizon}
	for t, n := range j.totals {
		head.Totals = append(head.Totals, total{t, n})
	}
	errs := []error{enc.Encode(head)}
	for _, c := range j.changes.all {
		errs = append(errs, enc.Encode(line{Change: c}))
	}
	for _, key := range slices.Sorted(maps.Keys(j.known)) {
		errs = append(errs, enc.Encode(line{Known: &known{key, j.known[key]}}))
	}
	errs = append(errs, out.Flush(), f.Sync())
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	f := j.file
	j.file = nil
	return f.Close()
}
