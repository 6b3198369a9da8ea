package webpage

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	const limit = 3<<20 + 7
	text := bytes.Repeat([]byte("0123456789"), limit/10+1)
	for name, by := range map[string]func(io.Reader) io.Reader{
		"as it comes": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader, "with its end": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{0, 1, firstPiece - 1, firstPiece, firstPiece + 1, limit - 1, limit} {
				got, err := Read(by(bytes.NewReader(text[:size])), limit)
				require.NoError(t, err)
				require.True(t, bytes.Equal(text[:size], got), "%d bytes", size)
			}
			_, err := Read(by(bytes.NewReader(text[:limit+1])), limit)
			require.ErrorIs(t, err, ErrTooLarge)
		})
	}
}

func TestReadTellsWhatWasCut(t *testing.T) {
	for _, cut := range []error{io.ErrUnexpectedEOF, errors.New("reset")} {
		_, err := Read(io.MultiReader(bytes.NewReader([]byte("up 1\n")), iotest.ErrReader(cut)), 1<<20)
		require.ErrorIs(t, err, cut)
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatIsRefusedCostsItsLimit(t *testing.T) {
	const limit = 16 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(endless{}, limit)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, ErrTooLarge)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit+2*mostPiece))
}
