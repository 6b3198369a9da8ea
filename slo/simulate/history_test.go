package simulate

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/slo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestColumn packs random minutes and reads them back, over many blocks.
func TestColumn(t *testing.T) {
	type minute struct {
		counts  slo.Counts
		carried bool
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := map[int64]minute{}
		var c column
		m := minute{}
		for index := int64(0); index < 20_000; index++ {
			switch r.IntN(6) {
			case 0:
				m = minute{counts: slo.Counts{Good: r.Uint64N(maxCount)}}
			case 1:
				m = minute{counts: slo.Counts{Good: r.Uint64N(40), Bad: r.Uint64N(3)}}
			case 2:
				m.carried = r.IntN(2) == 0
			case 3:
				index += r.Int64N(4) // a gap
			}
			want[index] = m
			c.add(index, m.counts, m.carried)
		}
		got := map[int64]minute{}
		at := int64(0)
		c.each(func(e entry) {
			at += int64(e.gap)
			for range e.run {
				got[at] = minute{e.counts, e.carried}
				at++
			}
		})
		require.Equal(t, want, got)
	}
}

// TestColumnIsSmall holds the sizes that the package promises.
func TestColumnIsSmall(t *testing.T) {
	size := func(of func(int) slo.Counts) (bytes int) {
		var c column
		for m := range 10_000 {
			c.add(int64(m), of(m), false)
		}
		for _, b := range c.blocks {
			bytes += len(b)
		}
		return bytes
	}
	require.Less(t, size(func(int) slo.Counts { return slo.Counts{Good: 1} }), 20)
	require.LessOrEqual(t, size(func(m int) slo.Counts { return slo.Counts{Good: uint64(m % 30)} }), 10_000)
	require.LessOrEqual(t, size(func(m int) slo.Counts { return slo.Counts{Good: uint64(40 + m%900)} }), 20_000)
	require.LessOrEqual(t, size(func(m int) slo.Counts { return slo.Counts{Good: uint64(m % 900), Bad: uint64(m % 100)} }), 30_000)
}

func TestAddRefuses(t *testing.T) {
	one := slo.Delta{Instance: tenant("a"), Counts: slo.Counts{Good: 1}}
	h := NewHistory()
	require.NoError(t, h.Add(at(5), []slo.Delta{one}))
	require.ErrorContains(t, h.Add(at(5), nil), "does not come after")
	require.ErrorContains(t, h.Add(at(4), nil), "does not come after")
	require.ErrorContains(t, h.Add(at(6), []slo.Delta{one, one}), "stands in it twice")
	require.ErrorContains(t, h.Add(at(7), []slo.Delta{{Instance: one.Instance, Counts: slo.Counts{Bad: 1 << 63}}}), "cannot be")
	require.ErrorContains(t, h.Add(start.AddDate(4, 0, 0), nil), "more than 1098d after")
}

func TestLoad(t *testing.T) {
	gone := errors.New("the source is gone")
	other := slo.NewInstance("jobs")
	source := func(fail error) Source {
		return func(yield func(Minute, error) bool) {
			for m := range 3 {
				deltas := []slo.Delta{{Instance: tenant("b")}, {Instance: other}, {Instance: tenant("a")}}
				if !yield(Minute{at(m), deltas}, nil) {
					return
				}
			}
			if fail != nil {
				yield(Minute{}, fail)
			}
		}
	}
	h, err := Load(source(nil), "login")
	require.NoError(t, err)
	require.Equal(t, []slo.Instance{tenant("a"), tenant("b")}, h.Instances("login"))
	require.Empty(t, h.Instances("jobs"), "nobody asked for it")
	require.Equal(t, start, h.From())
	require.Equal(t, at(3), h.To())
	h, err = Load(source(nil))
	require.NoError(t, err)
	require.Equal(t, []slo.Instance{other}, h.Instances("jobs"))
	_, err = Load(source(gone))
	require.ErrorIs(t, err, gone)
	require.Zero(t, NewHistory().From())
	require.Zero(t, NewHistory().To())
}
