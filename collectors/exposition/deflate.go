package exposition

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// deflate appends text to dst as whole DEFLATE blocks (RFC 1951) that end at a byte boundary and
// refer to nothing before them, so that pieces can be put one behind the other in any order.
//
// It knows one thing about the text that a general encoder has to search for: each line resembles
// the line before it, label by label. So it hashes nothing: what a line has in common with the
// same label of the previous line is a reference, the rest is literal. With the Huffman code that
// the standard fixes, nothing has to be counted either, and one pass is enough.
func deflate(dst, text []byte) []byte {
	w := newBitWriter(dst, len(text))
	w.put(blockFixed)
	for previous, start := 0, 0; start < len(text); {
		end := w.line(text, previous, start)
		previous, start = start, end
	}
	w.reference(0, 0)
	w.put(endOfBlock)
	w.put(blockStored)
	w.align()
	return append(w.bytes(), 0x00, 0x00, 0xff, 0xff)
}

var (
	blockFixed  = code{0b010, 3} // not the last, fixed Huffman code
	blockStored = code{0b000, 3} // not the last, stored: an empty one ends at a byte boundary
	endOfBlock  = fixedSymbol(256)
)

const (
	minReference = 3
	maxReference = 258
	maxDistance  = 32768
)

// line encodes the line that begins at start, whose predecessor is text[previous:start], and
// returns where it ends.
//
// A line is taken with the line feed before it, not the one behind it: that one lies as far from
// its predecessor as the beginning of the next line does, and joins its reference.
func (w *bitWriter) line(text []byte, previous, start int) int {
	here, there := start, previous
	for {
		n := common(text, there, here, start)
		if n > 0 && !w.reference(n, here-there) {
			w.literals(text[here : here+n])
		}
		here, there = here+n, there+n
		next := labelEnd(text, max(here, start+1), len(text))
		w.literals(text[here:next])
		if next == len(text) || text[next] == '\n' {
			return next
		}
		here, there = next, labelEnd(text, there, start)
		if there == start {
			end := lineEnd(text, here)
			w.literals(text[here:end])
			return end
		}
	}
}

func lineEnd(text []byte, from int) int {
	if i := bytes.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(text)
}

// labelEnd is the place of the next double quote, where a label value begins or ends, or of the
// line feed if that comes first; end if neither does.
func labelEnd(text []byte, from, end int) int {
	for from < end && text[from] != '"' && text[from] != '\n' {
		from++
	}
	return from
}

// common is how many bytes from here on are the same as those from there to the end.
func common(text []byte, there, here, end int) int {
	n, limit := 0, min(end-there, len(text)-here)
	for here+n+8 <= len(text) {
		differ := binary.LittleEndian.Uint64(text[here+n:]) ^ binary.LittleEndian.Uint64(text[there+n:])
		if differ != 0 {
			return min(n+bits.TrailingZeros64(differ)>>3, limit)
		}
		if n += 8; n >= limit {
			return limit
		}
	}
	for n < limit && text[here+n] == text[there+n] {
		n++
	}
	return n
}

// bitWriter packs codes into bytes, least significant bit first. It owns out, which is long
// enough for the longest encoding from the beginning on.
type bitWriter struct {
	out     []byte
	n       int    // bytes of out in use
	pending uint64 // bits that do not make a byte yet
	count   uint
	length  int // of the reference that may still grow; 0 if there is none
	back    int // its distance

	lastBack int  // the distance of the reference before: mostly that of the next as well
	lastCode code // and its code
}

// newBitWriter makes room for size bytes in the worst case: 9 bits a literal, and the ends.
func newBitWriter(dst []byte, size int) bitWriter {
	need := len(dst) + size + size/8 + 64
	if cap(dst) < need {
		dst = append(make([]byte, 0, need), dst...)
	}
	return bitWriter{out: dst[:need], n: len(dst)}
}

// put adds up to 32 bits.
func (w *bitWriter) put(c code) {
	w.pending |= uint64(c.bits) << (w.count & 63)
	w.count += uint(c.size)
	if w.count >= 32 {
		binary.LittleEndian.PutUint32(w.out[w.n:], uint32(w.pending))
		w.n += 4
		w.pending >>= 32
		w.count -= 32
	}
}

func (w *bitWriter) align() {
	for ; w.count > 0; w.count -= min(w.count, 8) {
		w.out[w.n] = byte(w.pending)
		w.n++
		w.pending >>= 8
	}
}

func (w *bitWriter) bytes() []byte { return w.out[:w.n] }

func (w *bitWriter) literals(text []byte) {
	if len(text) == 0 {
		return
	}
	w.flushReference()
	pending, count := w.pending, w.count
	for ; len(text) >= 4; text = text[4:] { // the codes of ASCII are a byte each: four at a time
		a, b, c, d := text[0], text[1], text[2], text[3]
		if a|b|c|d >= 0x80 {
			break
		}
		four := fixed.ascii[a&0x7f] | fixed.ascii[b&0x7f]<<8 | fixed.ascii[c&0x7f]<<16 | fixed.ascii[d&0x7f]<<24
		pending |= uint64(four) << (count & 63)
		binary.LittleEndian.PutUint32(w.out[w.n:], uint32(pending))
		w.n += 4
		pending >>= 32
	}
	for _, c := range text {
		pending |= uint64(fixed.literal[c].bits) << (count & 63)
		if count += uint(fixed.literal[c].size); count >= 32 {
			binary.LittleEndian.PutUint32(w.out[w.n:], uint32(pending))
			w.n += 4
			pending >>= 32
			count -= 32
		}
	}
	w.pending, w.count = pending, count
}

// reference says that the next length bytes are those that stand distance bytes earlier. It is
// held back until it is known whether the bytes behind it belong to it as well. Where a reference
// does not pay it returns false, and nothing is written. A length of 0 ends the one held back.
func (w *bitWriter) reference(length, distance int) bool {
	if w.length > 0 && distance == w.back {
		w.length += length
		return true
	}
	if length > 0 && (length < minReference || distance > maxDistance) {
		return false
	}
	w.flushReference()
	w.length, w.back = length, distance
	return true
}

func (w *bitWriter) flushReference() {
	if w.length == 0 {
		return
	}
	if w.back != w.lastBack {
		w.lastBack, w.lastCode = w.back, distanceCode(w.back)
	}
	for w.length > 0 {
		n := min(w.length, maxReference)
		if rest := w.length - n; rest > 0 && rest < minReference {
			n -= minReference
		}
		w.put(fixed.length[n].with(w.lastCode))
		w.length -= n
	}
}
