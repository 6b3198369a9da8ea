package logtail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// rename is rotation by renaming: the oldest file gets the highest number.
func (d *desk) rename() {
	d.t.Helper()
	for i := 8; i > 0; i-- {
		err := os.Rename(fmt.Sprintf("%s.%d", d.log, i), fmt.Sprintf("%s.%d", d.log, i+1))
		require.True(d.t, err == nil || errors.Is(err, os.ErrNotExist))
	}
	require.NoError(d.t, os.Rename(d.log, d.log+".1"))
	d.age()
}

// age makes every file older, so that the order of two that were written in the same tick of the
// kernel's clock can be told, as it can with files that grow for a day.
func (d *desk) age() {
	d.t.Helper()
	names, err := filepath.Glob(d.log + "*")
	require.NoError(d.t, err)
	for _, name := range names {
		info, err := os.Stat(name)
		require.NoError(d.t, err)
		older := info.ModTime().Add(-time.Second)
		require.NoError(d.t, os.Chtimes(name, older, older))
	}
}

// copyTruncate is rotation by copying.
func (d *desk) copyTruncate() {
	d.t.Helper()
	text, err := os.ReadFile(d.log)
	require.NoError(d.t, err)
	for i := 8; i > 0; i-- {
		err := os.Rename(fmt.Sprintf("%s.%d", d.log, i), fmt.Sprintf("%s.%d", d.log, i+1))
		require.True(d.t, err == nil || errors.Is(err, os.ErrNotExist))
	}
	require.NoError(d.t, os.WriteFile(d.log+".1", text, 0o600))
	require.NoError(d.t, os.Truncate(d.log, 0))
	d.age()
}

func TestRotation(t *testing.T) {
	cases := map[string]func(d *desk){
		"none":   func(*desk) {},
		"rename": (*desk).rename,
		"rename, and the new file is empty for a while": func(d *desk) {
			d.rename()
			d.write("")
		},
		"rename, and the writer goes on in the old file": func(d *desk) {
			d.rename()
			d.write("")
			d.new()
			f, err := os.OpenFile(d.log+".1", os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(d.t, err)
			_, err = fmt.Fprintf(f, "line %d\n", d.next)
			require.NoError(d.t, errors.Join(err, f.Close()))
			d.next++
		},
		"rename twice": func(d *desk) {
			d.rename()
			d.lines(2)
			d.rename()
		},
		"rename thrice, once with nothing in it": func(d *desk) {
			d.rename()
			d.lines(2)
			d.rename()
			d.write("")
			d.rename()
			d.lines(1)
			d.rename()
		},
		"copy": (*desk).copyTruncate,
		"copy twice": func(d *desk) {
			d.copyTruncate()
			d.lines(2)
			d.copyTruncate()
		},
		"copy, and the new is longer": func(d *desk) {
			d.copyTruncate()
			d.lines(40)
		},
		"date in the name": func(d *desk) {
			require.NoError(d.t, os.Rename(d.log, d.log+"-20261121"))
			d.age()
		},
	}
	for name, rotate := range cases {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %t", name, restarts), func(t *testing.T) {
				d := newDesk(t)
				require.NoError(t, os.WriteFile(d.log+".errors", []byte("another log\n"), 0o600))
				require.NoError(t, os.WriteFile(d.log+".1.gz", []byte("compressed\n"), 0o600))
				d.lines(3)
				require.Len(t, d.new(), 3)
				d.lines(2)
				if restarts {
					d.restart()
				}
				rotate(d)
				d.lines(4)
				d.requireAll()
				require.Zero(t, d.Gaps())
				d.lines(1)
				d.requireAll()
			})
		}
	}
}

// A truncated log of which there is no copy, shorter or longer than before.
func TestTruncated(t *testing.T) {
	for _, more := range []int{1, 50} {
		d := newDesk(t)
		d.lines(5)
		require.Len(t, d.new(), 5)
		require.NoError(t, os.Truncate(d.log, 0))
		d.lines(more)
		require.Len(t, d.new(), more)
		require.Equal(t, uint64(1), d.Gaps())
		d.requireAll()
	}
}

// Rotated away and deleted while nobody read: what is left is read from its beginning.
func TestGap(t *testing.T) {
	d := newDesk(t)
	d.lines(2)
	d.age()
	d.age()
	d.new()
	d.Close()
	hold, err := os.Open(d.log) // or a new file would get its inode
	require.NoError(t, err)
	defer hold.Close()
	require.NoError(t, os.Remove(d.log))
	d.restart()
	_, err = d.Read(t.Context(), nil)
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
	d.lines(2)
	d.rename()
	d.lines(2)
	d.requireAll()
	require.Equal(t, uint64(1), d.Gaps())
}
