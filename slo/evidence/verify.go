package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Damage is what happened to a record.
type Damage string

// The damages.
const (
	// Altered: the line is not as it was written, or was replaced.
	Altered Damage = "altered"
	// Removed: lines are missing before this one, or after the last one.
	Removed Damage = "removed"
	// Inserted: the line was not written here.
	Inserted Damage = "inserted"
)

// Fault is a place at which the chain is broken.
type Fault struct {
	// Line counts from 1; that after the last one where the end is missing.
	Line   int    `json:"line"`
	Damage Damage `json:"damage"`
	// Text says what is wrong with the line.
	Text string `json:"text"`
}

// String is the fault in one line.
func (f Fault) String() string { return fmt.Sprintf("line %d: %s: %s", f.Line, f.Damage, f.Text) }

// maxFaults is how many faults a Result lists; the rest is counted.
const maxFaults = 100

// Result is what Verify found.
type Result struct {
	// Lines are the complete ones.
	Lines int `json:"lines"`
	// First and Last are the times of the first and the last sound line.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Head is that of the last sound line.
	Head Head `json:"head"`
	// Faults are the first hundred in the order of the file, of Broken in all.
	Faults []Fault `json:"faults"`
	Broken int     `json:"broken"`
	// PartialBytes are those of a last line without an end: a crash in the middle
	// of writing it, or a writer at work. It is no fault; the line never counted.
	PartialBytes int64 `json:"partial_bytes"`
	// Bytes are those of the complete lines.
	Bytes int64 `json:"bytes"`
}

// Whole says that no line was altered, removed or inserted.
func (r Result) Whole() bool { return r.Broken == 0 }

// Verify reads a record and says whether it is whole. Heads that were kept
// elsewhere must be part of it; so it is found, too, where the end is cut off or
// everything was written anew. The error is that of the reader alone.
func Verify(r io.Reader, kept ...Head) (Result, error) {
	c := chain{kept: make(map[uint64][]Hash, len(kept))}
	for _, h := range kept {
		c.kept[h.Seq] = append(c.kept[h.Seq], h.Hash)
	}
	in := bufio.NewReaderSize(r, MaxLine)
	for {
		line, size, err := readLine(in)
		if errors.Is(err, io.EOF) {
			c.end(line, size)
			return c.Result, nil
		}
		if err != nil {
			return c.Result, fmt.Errorf("read evidence after line %d: %w", c.Lines, err)
		}
		c.Lines++
		c.Bytes += size
		c.line(line)
	}
}

// readLine reads a line with its end. One that is longer than any writer makes
// it is read to its end and nil. A last line without an end comes with io.EOF.
// The line is valid until the next call.
func readLine(in *bufio.Reader) (line []byte, size int64, err error) {
	line, err = in.ReadSlice('\n')
	size = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.ReadSlice('\n')
		size += int64(len(line))
		line = nil
	}
	return line, size, err
}

// chain follows a record line by line.
type chain struct {
	Result
	before  Hash              // of the line before Head's
	damaged uint64            // lines since Head's that are not sound
	kept    map[uint64][]Hash // heads that are to be found
}

func (c *chain) fault(line int, d Damage, format string, args ...any) {
	c.Broken++
	if len(c.Faults) < maxFaults {
		c.Faults = append(c.Faults, Fault{line, d, fmt.Sprintf(format, args...)})
	}
}

// line takes the next complete line.
func (c *chain) line(line []byte) {
	e, err := sound(line)
	if err != nil {
		c.fault(c.Lines, Altered, "%v", err)
		c.damaged++
		return
	}
	if !c.follows(e) {
		return
	}
	c.before, c.Head, c.damaged = e.Prev, Head{e.Seq, e.Hash}, 0
	if c.First.IsZero() {
		c.First = e.At
	}
	c.Last = e.At
	for _, h := range c.kept[e.Seq] {
		if h != e.Hash {
			c.fault(c.Lines, Altered, "its hash is not that of the head that was kept")
		}
	}
	delete(c.kept, e.Seq)
}

// follows judges where a sound line stands, and says whether the chain goes on
// from it.
func (c *chain) follows(e Entry) bool {
	next := c.Head.Seq + 1
	switch {
	case e.Seq == next && e.Prev == c.Head.Hash:
	case next < e.Seq && e.Seq <= next+c.damaged: // it follows a damaged one, whose hash nobody knows
	case e.Seq == c.Head.Seq && e.Seq > 0 && e.Prev == c.before:
		c.fault(c.Lines-int(c.damaged)-1, Inserted, "the next line follows the one before it")
	case e.Seq < next:
		c.fault(c.Lines, Inserted, "it is line %d of the record, of which %d lines stand before it", e.Seq, c.Head.Seq)
		return false
	case e.Seq > next+c.damaged:
		c.fault(c.Lines, Removed, "%d lines are missing before it", e.Seq-next-c.damaged)
	default:
		c.fault(c.Lines-1, Altered, "the next line follows another one")
	}
	return true
}

// end takes what stands after the last complete line.
func (c *chain) end(rest []byte, size int64) {
	c.PartialBytes = size
	if len(rest) > 0 {
		if _, err := sound(append(rest[:len(rest)-1:len(rest)-1], '\n')); err == nil {
			c.fault(c.Lines+1, Altered, "its line end was replaced")
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(c.kept)) {
		if seq > 0 {
			c.fault(c.Lines+1, Removed, "the record ends with %d, and %d, the head that was kept, is not in it", c.Head.Seq, seq)
		}
	}
}
