package backup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/backup/archive"
)

func TestJudge(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	full := func(hours int, size int64) Backup {
		return Backup{Label: at(hours).String(), Type: Full, Start: at(hours).Add(-time.Minute), Stop: at(hours), Size: size}
	}
	bad := func(b Backup, why archive.Reason) Backup { b.Fault = why; return b }
	of := func(b Backup, kind Type) Backup { b.Type = kind; return b }
	for name, c := range map[string]struct {
		set                     Set
		newest, attempt, oldest time.Time
		point                   time.Time
		fault                   archive.Reason
		kept                    int
		ratio                   float64
	}{
		"nothing":                      {},
		"one":                          {Set{Backups: []Backup{full(-5, 10)}}, at(-5), at(-5), at(-5), at(-5), "", 1, 0},
		"failed after a good":          {Set{Backups: []Backup{full(-9, 10), bad(full(-5, 10), failed)}}, at(-9), at(-5), at(-9), at(-9), failed, 1, 0},
		"failed only":                  {Set{Backups: []Backup{bad(full(-5, 10), failed)}}, time.Time{}, at(-5), time.Time{}, time.Time{}, failed, 0, 0},
		"an increment is no beginning": {Set{Backups: []Backup{of(full(-9, 1), Incr), full(-7, 1), of(full(-5, 1), Incr)}}, at(-5), at(-5), at(-7), at(-5), "", 3, 0},
		"WAL after it":                 {Set{Backups: []Backup{full(-5, 10)}, Archived: at(-1)}, at(-5), at(-5), at(-5), at(-1), "", 1, 0},
		"WAL before it":                {Set{Backups: []Backup{full(-5, 10)}, Archived: at(-9)}, at(-5), at(-5), at(-5), at(-5), "", 1, 0},
		"WAL without a backup":         {Set{Archived: at(-1)}, time.Time{}, time.Time{}, time.Time{}, time.Time{}, "", 0, 0},
		"WAL from the future":          {Set{Backups: []Backup{full(-5, 10)}, Archived: at(2)}, at(-5), at(-5), at(-5), at(-5), "", 1, 0},
		"a dump shows its start":       {Set{Backups: []Backup{of(full(-5, 10), Dump)}}, at(-5), at(-5), at(-5), at(-5).Add(-time.Minute), "", 1, 0},
		"from the future":              {Set{Backups: []Backup{full(-5, 10), full(3, 10)}}, at(-5), noon, at(-5), at(-5), futureDate, 1, 0},
		"a clock slightly ahead":       {Set{Backups: []Backup{{Type: Full, Stop: noon.Add(time.Minute)}}}, noon, noon, noon, noon, "", 1, 0},
		"half the usual size":          {Set{Backups: []Backup{full(-9, 9), full(-8, 10), full(-7, 11), full(-5, 5)}}, at(-5), at(-5), at(-9), at(-5), "", 4, 0.5},
		"even number":                  {Set{Backups: []Backup{full(-9, 8), full(-8, 10), full(-7, 12), full(-6, 14), full(-5, 22)}}, at(-5), at(-5), at(-9), at(-5), "", 5, 2},
		"a quiet Sunday":               {Set{Backups: []Backup{full(-9, 90), of(full(-8, 10), Incr), of(full(-7, 10), Incr), of(full(-6, 10), Incr), of(full(-5, 1), Incr)}}, at(-5), at(-5), at(-9), at(-5), "", 5, 0},
		"sizes of other types":         {Set{Backups: []Backup{of(full(-9, 1), Incr), of(full(-8, 1), Incr), of(full(-7, 1), Incr), full(-5, 9)}}, at(-5), at(-5), at(-5), at(-5), "", 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := judge(c.set, noon)
			require.Equal(t, c.newest, s.Newest.Stop, "newest")
			require.Equal(t, c.attempt, s.Attempt.Stop, "attempt")
			require.Equal(t, c.fault, s.Attempt.Fault, "fault")
			require.Equal(t, c.oldest, s.Oldest, "oldest")
			require.Equal(t, c.point, s.Point, "point")
			require.Equal(t, c.ratio, s.Ratio, "ratio")
			kept := 0
			for _, n := range s.Kept {
				kept += n
			}
			require.Equal(t, c.kept, kept, "kept")
		})
	}
}
