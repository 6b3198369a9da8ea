package openslo

import (
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/wardround/wardround/slo"
)

// decimal is a number as YAML and JSON write it, of a bounded size.
var decimal = regexp.MustCompile(`^[-+]?(\d{1,30}(\.\d{0,60})?|\.\d{1,60})([eE][-+]?\d{1,3})?$`)

// number is an exact decimal; ok is false if there is none.
func (v value) number() (n *big.Rat, ok bool) {
	text := v.optional()
	if text == "" {
		return nil, false
	}
	if n, ok = new(big.Rat).SetString(text); !decimal.MatchString(text) || !ok {
		v.failf("%q is not a number", text)
		return nil, false
	}
	return n, true
}

// float is a number that need not be exact, such as the bound of a gauge.
func (v value) float() (f float64, ok bool) {
	if _, ok = v.number(); !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.optional(), 64)
	if err != nil {
		v.failf("%q is too large a number", v.optional())
		return 0, false
	}
	return f, true
}

// share turns an exact number into parts per billion; exact is false where it
// had to be rounded.
func share(n *big.Rat) (parts slo.Ratio, exact bool) {
	scaled := new(big.Rat).Mul(n, big.NewRat(int64(slo.One), 1))
	if scaled.IsInt() && scaled.Num().IsInt64() {
		return slo.Ratio(scaled.Num().Int64()), true
	}
	rounded, ok := new(big.Int).SetString(scaled.FloatString(0), 10)
	if !ok || !rounded.IsInt64() {
		return 0, false
	}
	return slo.Ratio(rounded.Int64()), false
}

// target is a share between 0 and 1, both excluded.
func (v value) target(n *big.Rat) slo.Ratio {
	parts, exact := share(n)
	switch {
	case n.Sign() <= 0:
		v.failf("a target of 0 or less promises nothing; write a share above 0")
	case n.Cmp(big.NewRat(1, 1)) == 0:
		v.failf("a target of 100%% leaves no error budget; write less, such as 99.9%%")
	case n.Cmp(big.NewRat(1, 1)) > 0:
		v.failf("this is more than the whole; target is a share such as 0.999, targetPercent a percentage such as 99.9")
	case !exact:
		v.failf("this has more digits than a part per billion; round it")
	default:
		return parts
	}
	return 0
}

// units of the duration shorthand. Months, quarters and years are nominal.
func unit(letter byte) time.Duration {
	switch letter {
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return slo.Day
	case 'w':
		return 7 * slo.Day
	case 'M':
		return 30 * slo.Day
	case 'Q':
		return 90 * slo.Day
	}
	return 365 * slo.Day
}

var shorthand = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhdwMQY])$`)

// duration is a count and a unit, such as 5m or 30d; ok is false if there is
// none.
func (v value) duration() (count int, letter byte, ok bool) {
	text := v.optional()
	if text == "" {
		return 0, 0, false
	}
	m := shorthand.FindStringSubmatch(text)
	if m == nil {
		v.failf("%q is not a duration; write a whole number and one of m (minutes), h, d, w, M (months), Q or Y, such as 30d", text)
		return 0, 0, false
	}
	count, err := strconv.Atoi(m[1])
	return count, m[2][0], err == nil
}

// span is a duration of time, as burn rates and slices have them.
func (v value) span() (time.Duration, bool) {
	count, letter, ok := v.duration()
	if ok && letter >= 'A' && letter <= 'Z' {
		v.failf("%q is months or longer; for minutes write %dm", v.optional(), count)
		return 0, false
	}
	return time.Duration(count) * unit(letter), ok
}
