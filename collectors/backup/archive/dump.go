package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// inspectCustom reads the header of pg_dump's custom format, which names the database, and looks
// whether the file ends as such an archive does: with the empty chunk that closes its last table.
func inspectCustom(start []byte, r io.ReaderAt, size int64) (Contents, error) {
	contents := Contents{Format: Custom}
	h := header{rest: start[len("PGDMP"):]}
	major, minor, _ := h.byte(), h.byte(), h.byte()
	h.intSize = int(h.byte())
	_ = h.byte() // size of offsets
	format := h.byte()
	if h.short || h.intSize < 1 || h.intSize > 8 || format != customFormat || major != 1 {
		return contents, fault(Broken, "the header is not that of a custom-format dump")
	}
	if minor >= 15 {
		_ = h.byte() // algorithm of compression
	} else {
		_ = h.int()
	}
	for range 7 { // when it was made, in the clock of whoever made it
		_ = h.int()
	}
	contents.Database = name(h.text())
	contents.Version = version(h.text()) // of the server
	_ = h.text()                         // of pg_dump
	entries := h.int()
	switch {
	case h.short:
		return contents, fault(Truncated, "the file ends in the header")
	case entries <= 0:
		return contents, fault(Incomplete, "the dump lists nothing")
	}
	return contents.closed(r, size, int64(h.intSize)+1)
}

const customFormat = 1

// closed looks for the number 0 in the archive's own coding at its end: a sign and a number.
func (c Contents) closed(r io.ReaderAt, size, length int64) (Contents, error) {
	end := make([]byte, length)
	if _, err := r.ReadAt(end, size-length); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("read end: %w", err)
	}
	if !bytes.Equal(end, make([]byte, length)) {
		return c, fault(Truncated, "the last table of the dump is not closed")
	}
	c.Complete = true
	return c, nil
}

// header reads what pg_dump writes: bytes, numbers of a given size with a sign before them, and
// texts with their length before them.
type header struct {
	rest    []byte
	intSize int
	short   bool // the header ended too early
}

func (h *header) take(n int) []byte {
	if n < 0 || n > len(h.rest) {
		h.short = true
		return make([]byte, max(0, min(n, 8)))
	}
	taken := h.rest[:n]
	h.rest = h.rest[n:]
	return taken
}

func (h *header) byte() byte { return h.take(1)[0] }

func (h *header) int() int {
	negative := h.byte() != 0
	n := 0
	for i, b := range h.take(h.intSize) {
		if i < 8 {
			n |= int(b) << (8 * i)
		}
	}
	if negative {
		return -n
	}
	return n
}

// text is "" where none was written, which has the length -1.
func (h *header) text() string {
	n := h.int()
	if n <= 0 {
		return ""
	}
	if taken := h.take(n); !h.short {
		return string(taken)
	}
	return ""
}

const endSize = 4 << 10

var (
	scriptBegins = regexp.MustCompile(`(?m)^-- PostgreSQL database (cluster )?dump\r?$`)
	scriptEnds   = regexp.MustCompile(`(?m)^-- PostgreSQL database (cluster )?dump complete\r?$`)
	connects     = regexp.MustCompile(`(?m)^\\connect (?:-reuse-previous=on )?"?(?:dbname=')?([A-Za-z0-9_.\-]+)`)
)

func isScript(head []byte) bool { return scriptBegins.Match(head) }

// connected is the database that a script made with --create connects to.
func connected(head []byte) string {
	if found := connects.FindSubmatch(head); found != nil {
		return name(string(found[1]))
	}
	return ""
}

// inspectPlain looks for the line with which pg_dump ends a script.
func inspectPlain(start []byte, r io.ReaderAt, size int64) (Contents, error) {
	contents := Contents{Format: Plain, Database: connected(start)}
	end := make([]byte, min(size, endSize))
	if _, err := r.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return contents, fmt.Errorf("read end: %w", err)
	}
	if !scriptEnds.Match(end) {
		return contents, fault(Truncated, "the script does not end with pg_dump's last line")
	}
	contents.Complete = true
	return contents, nil
}
