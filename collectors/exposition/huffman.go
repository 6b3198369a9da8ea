package exposition

import "math/bits"

// code is a Huffman code and the extra bits behind it, ready to be written: at most 32 bits.
type code struct {
	bits uint32
	size uint8
}

// fixed is the code of RFC 1951 §3.2.6.
var fixed = newFixedCode()

type fixedCode struct {
	literal  [256]code
	ascii    [128]uint32 // the same codes without their size, which is 8 for all of these
	length   [maxReference + 1]code
	distance [30]code // without the extra bits
}

func newFixedCode() (f fixedCode) {
	for c := range f.literal {
		f.literal[c] = fixedSymbol(c)
	}
	for c := range f.ascii {
		f.ascii[c] = f.literal[c].bits
	}
	for symbol := range f.distance {
		f.distance[symbol] = huffman(symbol, 5)
	}
	symbol, base := 257, minReference
	for n := minReference; n < maxReference; n++ {
		extra := lengthExtra(symbol)
		if n == base+1<<extra {
			symbol, base = symbol+1, n
			extra = lengthExtra(symbol)
		}
		f.length[n] = fixedSymbol(symbol).with(code{uint32(n - base), extra})
	}
	f.length[maxReference] = fixedSymbol(285) // has a symbol of its own
	return f
}

// lengthExtra is how many extra bits stand behind a length symbol from 257 to 284.
func lengthExtra(symbol int) uint8 {
	if symbol < 265 {
		return 0
	}
	return uint8(symbol-261) / 4
}

func fixedSymbol(symbol int) code {
	switch {
	case symbol < 144:
		return huffman(0b00110000+symbol, 8)
	case symbol < 256:
		return huffman(0b110010000+symbol-144, 9)
	case symbol < 280:
		return huffman(symbol-256, 7)
	}
	return huffman(0b11000000+symbol-280, 8)
}

// huffman turns a code around: Huffman codes are packed from their most significant bit on.
func huffman(value int, size uint8) code {
	return code{bits: bits.Reverse32(uint32(value)) >> (32 - size), size: size}
}

// with is the code followed by another one.
func (c code) with(next code) code {
	return code{bits: c.bits | next.bits<<(c.size&31), size: c.size + next.size}
}

// distanceCode is the code of a distance from 1 to 32768: two symbols for each power of two, the
// bits below them behind it.
func distanceCode(distance int) code {
	d := uint32(distance - 1)
	if d < 2 {
		return fixed.distance[d]
	}
	extra := bits.Len32(d) - 2
	symbol := 2*(extra+1) + int(d>>extra)&1
	return fixed.distance[symbol].with(code{d & (1<<extra - 1), uint8(extra)})
}
