package archive

import (
	"errors"
	"io"
)

const (
	blockSize = 256 << 10
	// mostRead bounds what inspecting one file may read. The directory of a zip with half a
	// million attachments is about 50 MiB.
	mostRead = 64 << 20
)

// errTooMuch is what a reader says that was asked for more than mostRead.
var errTooMuch = errors.New("the file's directory is larger than may be read")

var errOutside = errors.New("the place is not in the file")

// frugal reads whole blocks and remembers the last one, because each read of a file in a bucket is
// a request, and refuses to read on when too much was read.
type frugal struct {
	r     io.ReaderAt
	size  int64
	read  int64
	start int64
	block []byte
	err   error // the first failure that is not the end of the file
}

// ReadAt reads out of whole blocks.
func (f *frugal) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errOutside // what a damaged directory asks for is the file's fault
	}
	n := 0
	for n < len(p) {
		if at+int64(n) >= f.size {
			return n, io.EOF
		}
		if err := f.load(at + int64(n)); err != nil {
			f.err = err
			return n, err
		}
		n += copy(p[n:], f.block[at+int64(n)-f.start:])
	}
	return n, nil
}

// load makes the block current that holds a position.
func (f *frugal) load(at int64) error {
	start := at / blockSize * blockSize
	if f.block != nil && f.start == start {
		return nil
	}
	length := min(blockSize, f.size-start)
	if f.read += length; f.read > mostRead {
		return errTooMuch
	}
	block := make([]byte, length)
	n, err := f.r.ReadAt(block, start)
	if int64(n) < length {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it became shorter while it was read
		}
		return err
	}
	f.start, f.block = start, block
	return nil
}
