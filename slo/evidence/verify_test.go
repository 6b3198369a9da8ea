package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// forge makes lines that are sound by themselves, after another head.
func forge(t testing.TB, after Head, events ...Event) []string {
	t.Helper()
	var lines []string
	for _, e := range events {
		line, head, err := e.line(after)
		require.NoError(t, err)
		lines, after = append(lines, string(line)), head
	}
	return lines
}

func headOf(t testing.TB, line string) Head {
	t.Helper()
	e, err := sound([]byte(line))
	require.NoError(t, err)
	return Head{e.Seq, e.Hash}
}

func TestDamageIsTold(t *testing.T) {
	six := slices.Collect(strings.Lines(string(written(t, 6))))
	last := headOf(t, six[5])
	altered := func(n int) string { return strings.Replace(six[n-1], `"n":`, `"n":1`, 1) }
	cut := func(lines []string, from, to int, with ...string) []string {
		return slices.Replace(slices.Clone(lines), from, to, with...)
	}
	for _, c := range []struct {
		name  string
		lines []string
		kept  []Head
		want  []string
	}{
		{"whole", six, []Head{last, headOf(t, six[2]), {}}, nil},
		{"altered", cut(six, 2, 3, altered(3)), nil, []string{"line 3: altered: its content does not fit its hash"}},
		{"first altered", cut(six, 0, 1, altered(1)), nil, []string{"line 1: altered: its content does not fit its hash"}},
		{"last altered", cut(six, 5, 6, altered(6)), nil, []string{"line 6: altered: its content does not fit its hash"}},
		{"two altered", cut(six, 1, 3, altered(2), altered(3)), nil, []string{
			"line 2: altered: its content does not fit its hash", "line 3: altered: its content does not fit its hash",
		}},
		{"replaced, with a hash that fits", cut(six, 2, 3, forge(t, headOf(t, six[1]), note(9))...), nil, []string{
			"line 3: altered: the next line follows another one",
		}},
		{"not JSON", cut(six, 2, 3, strings.Repeat("x", 300)+"\n"), nil, []string{"line 3: altered: not a line of evidence"}},
		{"empty line", cut(six, 2, 3, "\n"), nil, []string{"line 3: altered: not a line of evidence"}},
		{"far too long", cut(six, 2, 3, strings.Repeat(six[2], 1)[:9]+strings.Repeat("x", 3*MaxLine)+"\n"), nil, []string{
			"line 3: altered: not a line of evidence",
		}},
		{"removed", cut(six, 2, 4), nil, []string{"line 3: removed: 2 lines are missing before it"}},
		{"removed at the beginning", six[2:], nil, []string{"line 1: removed: 2 lines are missing before it"}},
		{"end cut off", six[:4], []Head{last}, []string{"line 5: removed: the record ends with 4, and 6, the head that was kept, is not in it"}},
		{"all cut off", nil, []Head{last}, []string{"line 1: removed: the record ends with 0, and 6, the head that was kept, is not in it"}},
		{"all written anew", forge(t, Head{}, note(1), note(2), note(3), note(4), note(5), note(7)), []Head{headOf(t, six[2]), last}, []string{
			"line 6: altered: its hash is not that of the head that was kept",
		}},
		{"inserted, with a hash that fits", cut(six, 2, 2, forge(t, headOf(t, six[1]), note(9))...), nil, []string{
			"line 3: inserted: the next line follows the one before it",
		}},
		{"written twice", cut(six, 2, 2, six[1]), nil, []string{"line 2: inserted: the next line follows the one before it"}},
		{"copied to the end", append(slices.Clone(six), six[1]), nil, []string{"line 7: inserted: it is line 2 of the record, of which 6 lines stand before it"}},
		{"swapped", []string{six[0], six[2], six[1], six[3], six[4], six[5]}, nil, []string{
			"line 2: removed: 1 lines are missing before it", "line 3: inserted: it is line 2 of the record, of which 3 lines stand before it",
		}},
		{"removed and altered", []string{six[0], altered(3), six[3], six[4], six[5]}, nil, []string{
			"line 2: altered: its content does not fit its hash", "line 3: removed: 1 lines are missing before it",
		}},
		{"of no place", cut(six, 0, 0, forge(t, Head{Seq: ^uint64(0)}, note(9))...), nil, []string{
			"line 1: inserted: it is line 0 of the record, of which 0 lines stand before it",
		}},
		{"last line end replaced", cut(six, 5, 6, strings.TrimSuffix(six[5], "\n")+" "), nil, []string{"line 6: altered: its line end was replaced"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := verify(t, []byte(strings.Join(c.lines, "")), c.kept...)
			var got []string
			for _, f := range r.Faults {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, got)
			require.Equal(t, len(c.want) == 0, r.Whole())
			require.Equal(t, len(c.want), r.Broken)
		})
	}
}

// TestAnyByte changes every byte of a record in turn.
func TestAnyByte(t *testing.T) {
	record := written(t, 4)
	r := rand.New(rand.NewPCG(1, 2))
	for at := range record {
		was := record[at]
		for _, b := range []byte{was ^ 1, was ^ ' ', was ^ 0x80, '\n', 0, '"', byte(r.Uint32())} {
			if record[at] = b; b == was {
				continue
			}
			found, err := Verify(bytes.NewReader(record))
			if err != nil || found.Whole() {
				require.Fail(t, "not found", "byte %d is %q instead of %q: %+v", at, b, was, found)
			}
		}
		record[at] = was
	}
	require.True(t, verify(t, record).Whole())
}

// TestAnyLines takes lines out, puts them in and moves them about at random.
func TestAnyLines(t *testing.T) {
	lines := slices.Collect(strings.Lines(string(written(t, 12))))
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		changed := slices.Clone(lines)
		for range 1 + r.IntN(3) {
			at := r.IntN(len(changed))
			line := changed[at]
			if r.IntN(2) == 0 {
				changed = slices.Delete(changed, at, at+1)
			}
			if r.IntN(2) == 0 {
				changed = slices.Insert(changed, r.IntN(len(changed)+1), line)
			}
		}
		whole := slices.Equal(changed, lines)
		require.Equal(t, whole, verify(t, []byte(strings.Join(changed, "")), headOf(t, lines[11])).Whole(), "%d lines", len(changed))
	}
}

func TestFaultsAreBounded(t *testing.T) {
	r := verify(t, bytes.Repeat([]byte("x\n"), 5000))
	require.Len(t, r.Faults, maxFaults)
	require.Equal(t, 5000, r.Broken)
}

func TestReaderThatFails(t *testing.T) {
	gone := errors.New("the disk is gone")
	_, err := Verify(iotest.ErrReader(gone))
	require.ErrorIs(t, err, gone)
	for _, err := range Read(iotest.ErrReader(gone)) {
		require.ErrorIs(t, err, gone)
	}
}

// FuzzVerify: whatever is verified as whole is a chain from the first line on,
// which anybody can recount from the entries.
func FuzzVerify(f *testing.F) {
	record := written(f, 3)
	f.Add(record, 0, byte(0))
	f.Add(record[:len(record)-9], 3, byte('x'))
	f.Add([]byte("\n{}\n"), 1, byte(1))
	f.Add(bytes.Repeat([]byte{'x'}, MaxLine+1), 0, byte('\n'))
	f.Fuzz(func(t *testing.T, data []byte, at int, b byte) {
		if len(data) > 0 {
			data = slices.Clone(data)
			data[max(0, at)%len(data)] ^= b
		}
		r := verify(t, data)
		require.Equal(t, int64(len(data)), r.Bytes+r.PartialBytes)
		require.Equal(t, bytes.Count(data, []byte("\n")), r.Lines)
		if !r.Whole() {
			return
		}
		head := Head{}
		for e, err := range Read(bytes.NewReader(data)) {
			require.NoError(t, err)
			follows := Head{e.Seq - 1, e.Prev}
			require.Equal(t, head, follows)
			require.True(t, json.Valid(e.Fields))
			head = Head{e.Seq, e.Hash}
		}
		require.Equal(t, r.Head, head)
	})
}
