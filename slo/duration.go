package slo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Day is a nominal day of 24 hours, as in a rolling window of 30 days.
const Day = 24 * time.Hour

// units are the duration units, longest first.
var units = [...]struct {
	name string
	size time.Duration
}{{"w", 7 * Day}, {"d", Day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// ParseDuration reads durations as Prometheus writes them: 30d, 6h, 1h30m, 90s.
func ParseDuration(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for _, unit := range units {
		number, tail, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || int64(n) > math.MaxInt64/2/int64(unit.size) {
			return 0, fmt.Errorf("%q is not a duration; write one such as 5m, 6h or 30d", text)
		}
		total += time.Duration(n) * unit.size
		rest = tail
	}
	if rest != "" || total <= 0 {
		return 0, fmt.Errorf("%q is not a duration; write one such as 5m, 6h or 30d", text)
	}
	return total, nil
}

// FormatDuration writes a duration as ParseDuration reads it, in days at most:
// 30d, 1d, 6h, 1h30m, 5m.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var text strings.Builder
	for _, unit := range units[1:] {
		if n := d / unit.size; n > 0 {
			fmt.Fprintf(&text, "%d%s", n, unit.name)
			d -= n * unit.size
		}
	}
	return text.String()
}
