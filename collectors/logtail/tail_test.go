package logtail

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// desk is a log with its reader.
type desk struct {
	*Tail
	t       *testing.T
	options Options
	log     string
	next    int // number of the next line that is written
	read    []string
	behind  int64
}

// newDesk is a reader at the end of a log that has a line already.
func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, log: filepath.Join(dir, "access.log")}
	d.options = Options{Path: d.log, StatePath: filepath.Join(dir, "state.json")}
	d.write("before\n")
	d.restart()
	require.Empty(t, d.new(), "what was there before is not handed over")
	return d
}

// restart is a new daemon with what the old one left.
func (d *desk) restart() {
	d.t.Helper()
	if d.Tail != nil {
		d.Close()
	}
	d.Tail = New(d.options)
	d.t.Cleanup(d.Close)
}

func (d *desk) write(text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(d.t, err)
	_, err = f.WriteString(text)
	require.NoError(d.t, err)
	require.NoError(d.t, f.Close())
}

// lines writes n numbered lines.
func (d *desk) lines(n int) {
	d.t.Helper()
	for range n {
		d.write(fmt.Sprintf("line %d\n", d.next))
		d.next++
	}
}

// new is what one round hands over; lines that are not whole are marked.
func (d *desk) new() []string {
	d.t.Helper()
	var got []string
	behind, err := d.Read(d.t.Context(), func(l Line) {
		text := string(l.Text)
		if !l.Whole {
			text = fmt.Sprintf("part of %d: %.10s", len(text), text)
		}
		got = append(got, text)
	})
	require.NoError(d.t, err)
	d.behind = behind
	d.read = append(d.read, got...)
	return got
}

// requireAll says that every line came once, in order.
func (d *desk) requireAll() {
	d.t.Helper()
	for range 3 {
		d.new()
	}
	var want []string
	for i := range d.next {
		want = append(want, fmt.Sprintf("line %d", i))
	}
	require.Equal(d.t, want, d.read)
	require.Zero(d.t, d.behind)
}

func TestFirstReading(t *testing.T) {
	for name, c := range map[string]struct {
		log       string
		fromStart bool
		want      []string
	}{
		"begins at the end":                    {"a\nb\n", false, []string{"c"}},
		"begins at the unfinished line":        {"a\nb", false, []string{"bc"}},
		"begins at the only line":              {"b", false, []string{"bc"}},
		"begins at the start where asked to":   {"a\nb\n", true, []string{"a", "b", "c"}},
		"begins within an unfinished long one": {strings.Repeat("x", 3*LongestLine), false, []string{"d"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{t: t, log: filepath.Join(t.TempDir(), "access.log")}
			d.options = Options{Path: d.log, FromStart: c.fromStart}
			d.write(c.log)
			d.restart()
			d.new()
			d.write("c\n")
			d.new()
			if c.want[len(c.want)-1] == "d" {
				d.write("d\n")
				d.new()
			}
			require.Equal(t, c.want, d.read)
		})
	}
}

// A log that comes after its reader is new from its beginning.
func TestLogComesLater(t *testing.T) {
	d := &desk{t: t, log: filepath.Join(t.TempDir(), "access.log")}
	d.options = Options{Path: d.log}
	d.restart()
	_, err := d.Read(t.Context(), nil)
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
	require.NotContains(t, err.Error(), d.log)
	d.lines(2)
	d.requireAll()
}

func TestUnfinishedAndLongLines(t *testing.T) {
	d := newDesk(t)
	d.write("un")
	require.Empty(t, d.new())
	d.write("finished\n")
	require.Equal(t, []string{"unfinished"}, d.new())

	d.write(strings.Repeat("x", 1<<20) + "\nshort\n")
	require.Equal(t, []string{"part of 65536: xxxxxxxxxx", "short"}, d.new())
	d.write(strings.Repeat("y", 2*LongestLine))
	require.Equal(t, []string{"part of 65536: yyyyyyyyyy"}, d.new())
	require.Empty(t, d.new())
	d.restart()
	d.write("yyy\nshort\n")
	require.Equal(t, []string{"short"}, d.new())

	d.write("half")
	d.rename()
	d.write("whole\n")
	require.Equal(t, []string{"part of 4: half", "whole"}, d.new())
}

// A round reads a bounded number of bytes, also of something that has no lines.
func TestBound(t *testing.T) {
	for name, text := range map[string]string{"lines": strings.Repeat("0123456789abcde\n", 1<<16), "one line": strings.Repeat("x", 1<<20)} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.options.RoundBytes = 256 << 10
			d.restart()
			d.write(text)
			for left := 3; left >= 0; left-- {
				d.new()
				require.Equal(t, int64(left)<<18, d.behind)
			}
		})
	}
}

// behind counts what is left in all files.
func TestBehind(t *testing.T) {
	d := newDesk(t)
	d.options.RoundBytes = 1
	d.restart()
	d.lines(2)
	d.rename()
	d.lines(1)
	d.rename()
	d.lines(1)
	d.new()
	require.Equal(t, int64(3*len("line 0\n")), d.behind)
}

func TestUnreadable(t *testing.T) {
	d := newDesk(t)
	for name, c := range map[string]struct {
		make   func(path string) error
		reason collectors.Reason
	}{
		"a folder": {func(path string) error { return os.Mkdir(path, 0o700) }, collectors.ReasonProtocol},
		"a pipe":   {func(path string) error { return syscall.Mkfifo(path, 0o600) }, collectors.ReasonProtocol},
		"a loop":   {func(path string) error { return os.Symlink(path, path) }, collectors.ReasonOther},
	} {
		t.Run(name, func(t *testing.T) {
			d.options = Options{Path: filepath.Join(t.TempDir(), "secret.log")}
			require.NoError(t, c.make(d.options.Path))
			d.restart()
			_, err := d.Read(t.Context(), nil)
			require.Equal(t, c.reason, collectors.ReasonOf(err), err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	err := because(&os.PathError{Op: "open", Path: "/secret", Err: syscall.EACCES}) // root may read everything
	require.Equal(t, collectors.ReasonPermission, collectors.ReasonOf(err))
}

func TestSpoiltState(t *testing.T) {
	d := newDesk(t)
	for _, text := range []string{"", "{", `{"offset": -5, "anchor": "x"}`, "null", "[]", `{"offset": 3}`} {
		require.NoError(t, os.WriteFile(d.options.StatePath, []byte(text), 0o600))
		d.restart()
		require.Empty(t, d.new(), text)
	}
	d.lines(1)
	d.requireAll()
}

// What cannot be written down is said, and not handed over twice.
func TestStateCannotBeKept(t *testing.T) {
	d := newDesk(t)
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	d.options.StatePath = filepath.Join(dir, "state.json")
	d.restart()
	d.new()
	require.NoError(t, os.RemoveAll(dir))
	d.lines(2)
	n := 0
	_, err := d.Read(t.Context(), func(Line) { n++ })
	require.Error(t, err)
	require.Equal(t, 2, n)
	require.NotContains(t, err.Error(), dir)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.Empty(t, d.new())
	kept, err := os.Stat(d.options.StatePath)
	require.NoError(t, err)
	require.Empty(t, d.new())
	still, err := os.Stat(d.options.StatePath)
	require.NoError(t, err)
	require.True(t, os.SameFile(kept, still), "nothing is written where nothing is new")
	d.restart()
	require.Empty(t, d.new())

	d.options.StatePath = dir // cannot be read either
	d.restart()
	_, err = d.Read(t.Context(), nil)
	require.Error(t, err)
}

// A state of a version that did not keep when the log was changed: which rotated files came after it
// nobody knows, and none is read twice.
func TestOlderState(t *testing.T) {
	d := newDesk(t)
	require.NoError(t, os.WriteFile(d.log+".1", []byte("read long ago\n"), 0o600))
	require.NoError(t, os.WriteFile(d.options.StatePath, []byte(`{"device":1,"inode":1,"offset":9,"anchor":"0"}`), 0o600))
	d.restart()
	require.Equal(t, []string{"before"}, d.new())
	require.Equal(t, uint64(1), d.Gaps())
}

// counter remembers how many lines there were.
type counter struct{ n int }

func (c *counter) MarshalJSON() ([]byte, error)    { return json.Marshal(c.n) }
func (c *counter) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &c.n) }
func (c *counter) count(Line)                      { c.n++ }
func (d *desk) counted(c *counter) (err error)     { _, err = d.Read(d.t.Context(), c.count); return err }
func (d *desk) remembering(c *counter)             { d.options.Memory = c; d.restart() }

// What is remembered is of the same moment as the place.
func TestMemory(t *testing.T) {
	d := newDesk(t)
	first, second := &counter{}, &counter{n: 77}
	d.remembering(first)
	d.lines(3)
	require.NoError(t, d.counted(first))
	d.lines(2)
	d.remembering(second)
	require.NoError(t, d.counted(second))
	require.Equal(t, 5, second.n)
}

// A round that is cut short goes on where it was cut.
func TestCancelled(t *testing.T) {
	d := newDesk(t)
	d.write(strings.Repeat("x\n", 5000))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_, err := d.Read(ctx, func(Line) { n++; cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, n)
	require.Less(t, n, 5000)
	require.Len(t, d.new(), 5000-n)
}

// A round that takes long ends before its deadline, and goes on in the next.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.write(strings.Repeat("x\n", 10240))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		n := 0
		behind, err := d.Read(ctx, func(Line) {
			if n++; n%1024 == 0 {
				time.Sleep(time.Second)
			}
		})
		require.NoError(t, err)
		require.Equal(t, 8*1024, n)
		require.Equal(t, int64(2*2*1024), behind)
		require.Len(t, d.new(), 2*1024)
	})
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "access.log")
	require.NoError(b, os.WriteFile(path, []byte(strings.Repeat(strings.Repeat("x", 870)+"\n", 1<<15)), 0o600))
	b.SetBytes(871 << 15)
	b.ReportAllocs()
	for b.Loop() {
		tail := New(Options{Path: path, FromStart: true})
		_, err := tail.Read(b.Context(), func(Line) {})
		require.NoError(b, err)
		tail.Close()
	}
}
