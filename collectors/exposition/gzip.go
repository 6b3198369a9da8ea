package exposition

import (
	"encoding/binary"
	"hash/crc32"
)

// piece is a part of a gzip member: deflated text that ends at a byte boundary, with what is
// needed to join its checksum with that of others without looking at the text again.
type piece struct {
	deflated []byte
	sum      checksum
}

// set makes p the compressed text. It works in scratch and returns it, since it may have grown.
func (p *piece) set(text, scratch []byte) []byte {
	scratch = deflate(scratch[:0], text)
	p.deflated = append(p.deflated[:0], scratch...)
	p.sum = newChecksum(text)
	return scratch
}

// A gzip member (RFC 1952): no name, no time, unknown system. Everything that is served is one
// member, since curl and browsers stop reading at the end of the first.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// appendGzipEnd ends the member: an empty last block, the checksum and the size.
func appendGzipEnd(dst []byte, sum checksum) []byte {
	dst = append(dst, 0x03, 0x00)
	dst = binary.LittleEndian.AppendUint32(dst, sum.crc)
	return binary.LittleEndian.AppendUint32(dst, uint32(sum.size))
}

// checksum is the CRC-32 of a text of the given size.
//
// A CRC is the remainder of the text, as a polynomial over GF(2), by a fixed polynomial P of
// degree 32. So the CRC of two texts in a row is crc(a)·x^(8·len b) + crc(b) modulo P, where +
// is XOR. The factor depends on the length alone: it is kept here as shift. (The ones that CRC-32
// mixes in before and after cancel out.) The zero value is the checksum of no text.
type checksum struct {
	crc   uint32
	shift uint32 // x^(8·size) modulo P
	size  uint64
}

func newChecksum(text []byte) checksum {
	return checksum{crc: crc32.ChecksumIEEE(text), shift: powerOfX(8 * uint64(len(text))), size: uint64(len(text))}
}

// then is the checksum of one text followed by another.
func (c checksum) then(next checksum) checksum {
	if c.size == 0 {
		return next
	}
	if next.size == 0 {
		return c
	}
	return checksum{
		crc:   multiply(c.crc, next.shift) ^ next.crc,
		shift: multiply(c.shift, next.shift),
		size:  c.size + next.size,
	}
}

// Polynomials are held as CRC-32 does: the most significant bit is the coefficient of x^0.
const (
	polynomialOne = uint32(1) << 31
	polynomialX   = uint32(1) << 30
)

// multiply is a·b modulo P.
func multiply(a, b uint32) uint32 {
	var product uint32
	for a != 0 {
		if a&polynomialOne != 0 {
			product ^= b
		}
		a <<= 1
		b = b>>1 ^ crc32.IEEE&-(b&1) // b·x
	}
	return product
}

// powerOfX is x^n modulo P, by repeated squaring.
func powerOfX(n uint64) uint32 {
	power := polynomialOne
	for square := polynomialX; n > 0; n >>= 1 {
		if n&1 == 1 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return power
}
