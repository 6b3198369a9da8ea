package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Read hands out the entries of a record, oldest first, without proving them:
// that is what Verify is for. A complete line that cannot be read is an error,
// after which reading goes on; an error of the reader is the last one.
func Read(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := bufio.NewReaderSize(r, MaxLine)
		for n := 1; ; n++ {
			line, _, err := readLine(in)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("read evidence, line %d: %w", n, err))
				return
			}
			e, err := parse(line)
			if err != nil {
				err = fmt.Errorf("read evidence, line %d: %w", n, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
