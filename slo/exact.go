package slo

import (
	"cmp"
	"math/bits"
)

// wide is an unsigned number of 192 bits, most significant word first: enough
// for the product of any three counts, so that comparisons never round.
type wide [3]uint64

// product multiplies three numbers exactly.
func product(a, b, c uint64) wide {
	high, low := bits.Mul64(a, b)
	carry, least := bits.Mul64(low, c)
	top, middle := bits.Mul64(high, c)
	middle, over := bits.Add64(middle, carry, 0)
	return wide{top + over, middle, least}
}

// narrow multiplies three numbers that fit into 64 bits; ok is false where they
// do not.
func narrow(a, b, c uint64) (n uint64, ok bool) {
	high, low := bits.Mul64(a, b)
	top, n := bits.Mul64(low, c)
	return n, high|top == 0
}

// exactly multiplies two numbers where a float holds the product as it is.
func exactly(a, b uint64) (f float64, ok bool) {
	high, low := bits.Mul64(a, b)
	return float64(low), high == 0 && low <= 1<<53
}

// compare orders two wide numbers.
func (w wide) compare(v wide) int {
	for i := range w {
		if c := cmp.Compare(w[i], v[i]); c != 0 {
			return c
		}
	}
	return 0
}

// less is w - v where v is not larger.
func (w wide) less(v wide) wide {
	least, borrow := bits.Sub64(w[2], v[2], 0)
	middle, borrow := bits.Sub64(w[1], v[1], borrow)
	top, _ := bits.Sub64(w[0], v[0], borrow)
	return wide{top, middle, least}
}

// plus is w + v; sums of two products of this package fit.
func (w wide) plus(v wide) wide {
	least, carry := bits.Add64(w[2], v[2], 0)
	middle, carry := bits.Add64(w[1], v[1], carry)
	top, _ := bits.Add64(w[0], v[0], carry)
	return wide{top, middle, least}
}

// float is the nearest float, for showing.
func (w wide) float() float64 {
	const word = 1 << 64
	return (float64(w[0])*word+float64(w[1]))*word + float64(w[2])
}

// gcd is the greatest common divisor.
func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
