package webpage

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrTooLarge says that somebody else's answer is larger than it may be.
var ErrTooLarge = errors.New("it is larger than it may be")

// The pieces in which an answer is read: most answers are small, and a large one is to cost little more than its size.
const (
	firstPiece = 32 << 10
	mostPiece  = 1 << 20
)

// Read reads all that somebody answers if that is no more than limit bytes, and returns ErrTooLarge if it is
// more. An answer that is refused costs no more memory than the limit; io.ReadAll would take several times as much
// while it makes room again and again.
func Read(r io.Reader, limit int64) ([]byte, error) {
	var full [][]byte
	piece, left := make([]byte, 0, firstPiece), limit
	for {
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece, left = piece[:len(piece)+n], left-int64(n)
		switch {
		case left < 0:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return slices.Concat(append(full, piece)...), nil
		case err != nil:
			return nil, fmt.Errorf("read an answer: %w", err)
		case len(piece) == cap(piece):
			full = append(full, piece)
			piece = make([]byte, 0, min(2*cap(piece), mostPiece))
		}
	}
}
