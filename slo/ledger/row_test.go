package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

type boltTx = bbolt.Tx

func TestPackUnpack(t *testing.T) {
	for name, in := range map[string][]entry{
		"nothing": nil,
		"one":     {{id: 0, run: 1, good: 1, measured: 1}},
		"gaps":    {{id: 3, run: 1, good: 1, measured: 1}, {id: 900, run: 1, bad: 1 << 60, measured: 0}},
		"hours":   {{id: 0, run: 1, good: 60, measured: 60}, {id: 1, run: 1, good: 59, bad: 1, measured: 59}},
		"a run":   {{id: 5, run: 1, good: 1, measured: 1}, {id: 6, run: 1, good: 1, measured: 1}, {id: 7, run: 1, measured: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := entries(pack(in))
			require.NoError(t, err)
			require.Equal(t, in, got)
		})
	}
}

func TestThousandHealthyTenantsTakeThreeBytes(t *testing.T) {
	var row []entry
	for id := range uint32(15) {
		row = append(row, entry{id: id, run: 1, good: 1, measured: 1})
	}
	require.Len(t, pack(row), 3)
	for id := range uint32(985) {
		row = append(row, entry{id: 15 + id, run: 1, good: 1, measured: 1})
	}
	require.Len(t, pack(row), 4)
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack([]entry{{id: 3, run: 1, good: 1, measured: 1}, {id: 900, run: 7, bad: 300}}))
	f.Fuzz(func(t *testing.T, row []byte) {
		s := make(sums, 1000)
		if err := s.add(row); err != nil {
			return
		}
		require.NoError(t, s.take(row))
		require.Equal(t, make(sums, 1000), s)
	})
}
