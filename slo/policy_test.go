package slo

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func defaultPolicy(t testing.TB) Policy {
	t.Helper()
	all, err := DefaultPolicies()
	require.NoError(t, err)
	return all["default"]
}

func TestExceededIsStrict(t *testing.T) {
	limit := Pair{Share: One / 50, Long: time.Hour}.Limit(30 * Day) // 14.4
	target := Ratio(999_000_000)
	require.False(t, limit.Exceeded(Counts{Good: 9856, Bad: 144}, target), "exactly 14.4 times")
	require.True(t, limit.Exceeded(Counts{Good: 9855, Bad: 145}, target))
	require.False(t, limit.Exceeded(Counts{}, target), "no events")
	require.False(t, limit.Exceeded(Counts{Good: 1 << 62}, target))
	require.True(t, limit.Exceeded(Counts{Bad: 1 << 62}, target))
}

// TestExceededEqualsFractions compares with arbitrary precision, near the limit
// and with numbers of any size.
func TestExceededEqualsFractions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		pair := Pair{Share: Ratio(1 + r.Int64N(int64(One)-1)), Long: time.Duration(1+r.IntN(5000)) * time.Minute}
		period := time.Duration(1+r.IntN(366)) * Day
		target := Ratio(1 + r.Int64N(int64(One)-1))
		limit := pair.Limit(period)

		b := new(big.Rat).SetFrac64(int64(pair.Share)*int64(period/time.Second), int64(One)*int64(pair.Long/time.Second))
		if b.Cmp(big.NewRat(1, 1)) < 0 {
			b.SetInt64(1)
		}
		bound := b.Mul(b, big.NewRat(int64(target.Budget()), int64(One)))
		total := 1 + r.Uint64N(1<<(1+r.IntN(61)))
		edge, _ := new(big.Rat).Mul(bound, new(big.Rat).SetInt(new(big.Int).SetUint64(total))).Float64()
		bad := min(total, uint64(max(0, edge+float64(r.IntN(5)-2))))
		want := new(big.Rat).SetFrac(new(big.Int).SetUint64(bad), new(big.Int).SetUint64(total)).Cmp(bound) > 0
		require.Equal(t, want, limit.Exceeded(Counts{Good: total - bad, Bad: bad}, target), "%d of %d, %s, %v, %s", bad, total, target, pair, period)
	}
}

func TestPolicyCheck(t *testing.T) {
	p := defaultPolicy(t)
	require.NoError(t, p.Check(930_600_000, 30*Day))
	err := p.Check(930_500_000, 30*Day)
	require.EqualError(t, err, `policy "default": page-1h needs a burn rate above 14.4, but with a target of 93.05% even a total outage burns only 14.39; choose another policy or a higher target`)
}

func TestPolicyWindows(t *testing.T) {
	require.Equal(t, []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, Day, 3 * Day}, defaultPolicy(t).Windows())
	require.Equal(t, "ticket-3d", defaultPolicy(t).Pairs[3].Name())
}
