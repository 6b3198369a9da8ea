package slo

import (
	"errors"
	"fmt"
	"strings"
)

// Ratio is a share of one in parts per billion: 99.9 % is 999_000_000. It is
// exact, so targets are compared and subtracted without rounding.
type Ratio int64

// One is the whole, 100 %.
const One Ratio = 1_000_000_000

// digits is how many decimals a Ratio can hold.
const digits = 9

// ParseRatio reads an exact decimal between 0 and 1, written as "99.9%" or
// "0.999". It fails on anything finer than a part per billion.
func ParseRatio(text string) (Ratio, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	scale := digits
	if percent {
		scale -= 2
	}
	parts, err := decimal(strings.TrimSpace(number), scale)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a share: %w", text, err)
	case parts > One && !percent:
		return 0, fmt.Errorf("%q is more than 1; for a percentage write %s%%", text, number)
	case parts > One:
		return 0, fmt.Errorf("%q is more than 100%%", text)
	}
	return parts, nil
}

// ParseTarget reads a Ratio that can be promised: above 0 % and below 100 %,
// because a promise of 100 % leaves no budget.
func ParseTarget(text string) (Ratio, error) {
	r, err := ParseRatio(text)
	switch {
	case err != nil:
		return 0, err
	case r == 0:
		return 0, errors.New("a target of 0% promises nothing; write a share above 0%")
	case r == One:
		return 0, errors.New("a target of 100% leaves no error budget; write a share below 100%, such as 99.9%")
	}
	return r, nil
}

// decimal reads an unsigned decimal as a whole number of 10^-scale.
func decimal(text string, scale int) (Ratio, error) {
	whole, fraction, dotted := strings.Cut(text, ".")
	if whole == "" || dotted && fraction == "" {
		return 0, errors.New("write a decimal such as 99.9% or 0.999")
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > scale {
		return 0, errors.New("it has more digits than a part per billion")
	}
	whole = strings.TrimLeft(whole, "0")
	all := whole + fraction + strings.Repeat("0", scale-len(fraction))
	if strings.Trim(all, "0123456789") != "" {
		return 0, errors.New("write a decimal such as 99.9% or 0.999")
	}
	if len(whole) > 4 {
		return 0, errors.New("it is too large")
	}
	var value Ratio
	for _, c := range all {
		value = value*10 + Ratio(c-'0')
	}
	return value, nil
}

// Budget is what a target leaves to fail: One minus the target.
func (r Ratio) Budget() Ratio { return One - r }

// Float is the ratio between 0 and 1, for metrics.
func (r Ratio) Float() float64 { return float64(r) / float64(One) }

// String writes the ratio as an exact percentage, "99.9%".
func (r Ratio) String() string {
	sign := ""
	if r < 0 {
		sign, r = "-", -r
	}
	const percent = One / 100
	text := fmt.Sprintf("%d.%07d", r/percent, r%percent)
	return sign + strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"
}

// MarshalText writes the ratio as String does, in JSON and YAML too.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseRatio reads.
func (r *Ratio) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRatio(string(text))
	return err
}
