package ledger

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// life is a ledger of login for two tenants through a day, minute by minute.
type life struct {
	t   *testing.T
	dir string
	l   *Ledger
	now int // minutes since start
	is  map[string]bool
}

func newLife(t *testing.T) *life {
	t.Helper()
	f := &life{t: t, dir: t.TempDir(), is: map[string]bool{"login": true, "clinic-001": true, "clinic-008": true}}
	f.restart()
	return f
}

func (f *life) restart() {
	f.t.Helper()
	if f.l != nil {
		require.NoError(f.t, f.l.Close())
	}
	f.l = open(f.t, f.dir)
	f.define()
	require.NoError(f.t, f.l.Watch(Windows([]slo.Objective{promise("login", "a")})))
}

func (f *life) define() {
	f.t.Helper()
	all := []slo.Objective{promise("login", "a"), promise("mail", "b")}
	if !f.is["login"] {
		all = all[1:]
	}
	renewed, err := f.l.Define(all)
	require.NoError(f.t, err)
	require.Empty(f.t, renewed)
}

// turn lets somebody go, or come back.
func (f *life) turn(who string) {
	f.t.Helper()
	if f.is[who] = !f.is[who]; who == "login" {
		f.define()
		return
	}
	f.attend()
}

func (f *life) attend() {
	f.l.Attend(func(i slo.Instance) (string, bool) {
		if !f.is[i.Tenant()] {
			return "", false
		}
		return tierOf(i), true
	})
}

// live appends minutes in which whoever is there does well; those who are not
// send something all the same.
func (f *life) live(minutes int) {
	f.t.Helper()
	for range minutes {
		require.NoError(f.t, f.l.Append(after(f.now), []slo.Delta{good(1, 1)[0], good(8, 1)[0], {Instance: slo.NewInstance("mail")}}))
		f.now++
	}
	f.attend()
}

// down lets time go by of which nobody knows.
func (f *life) down(minutes int) { f.now += minutes }

// is what the last day holds of clinic-001, which is the same however it is read.
func (f *life) expects(measured, expected, excluded int64) {
	f.t.Helper()
	o := promise("login", "a")
	want := slo.Tally{Counts: slo.Counts{Good: uint64(measured)}, Measured: measured, Expected: expected, Excluded: excluded}
	require.Equal(f.t, want, everywhere(f.t, f.l, &o, tenant(1)))
	report, err := f.l.Check(f.t.Context())
	require.NoError(f.t, err)
	require.Empty(f.t, report.Faults)
}

func TestNothingIsExpectedOfWhoIsAbsent(t *testing.T) {
	for name, c := range map[string]struct {
		live                         func(*life)
		measured, expected, excluded int64
	}{
		"always there":      {func(f *life) { f.live(200) }, 200, 200, 0},
		"down is no reason": {func(f *life) { f.live(100); f.down(50); f.restart(); f.live(50) }, 150, 200, 0},
		"an objective that came back": {func(f *life) {
			f.live(100)
			f.turn("login")
			f.live(50)
			f.turn("login")
			f.live(50)
		}, 150, 150, 0},
		"a tenant that came back": {func(f *life) {
			f.live(100)
			f.turn("clinic-001")
			f.live(50)
			f.turn("clinic-001")
			f.live(50)
		}, 150, 150, 0},
		"another tenant": {func(f *life) {
			f.live(100)
			f.turn("clinic-008")
			f.live(100)
		}, 200, 200, 0},
		"a tenant that is still gone": {func(f *life) { f.live(100); f.turn("clinic-001"); f.live(100) }, 100, 100, 0},
		"restarts while absent": {func(f *life) {
			f.live(100)
			f.turn("login")
			f.live(20)
			f.restart()
			f.live(20)
			f.restart()
			f.turn("login")
			f.restart()
			f.live(50)
		}, 150, 150, 0},
		"gone and back while down": {func(f *life) {
			f.live(100)
			f.is["login"] = false
			f.restart()
			f.is["login"] = true
			f.restart()
			f.live(50)
		}, 150, 150, 0},
		"down after it came back": {func(f *life) {
			f.live(100)
			f.turn("clinic-001")
			f.live(50)
			f.turn("clinic-001")
			f.down(30)
			f.restart()
			f.live(20)
		}, 120, 150, 0},
		"objective and tenant, one longer": {func(f *life) {
			f.live(100)
			f.turn("clinic-001")
			f.live(10)
			f.turn("login")
			f.live(10)
			f.turn("clinic-001")
			f.live(10)
			f.turn("login")
			f.live(10)
		}, 110, 110, 0},
		"again and again": {func(f *life) {
			for range 10 {
				f.live(10)
				f.turn("login")
				f.live(5)
				f.turn("login")
			}
		}, 100, 100, 0},
		"excluded within": {func(f *life) {
			require.NoError(f.t, f.l.SetExclusions([]slo.Exclusion{exclusion(80, 170, slo.Remove, slo.Scope{})}, tierOf))
			f.live(100)
			f.turn("login")
			f.live(50)
			f.turn("login")
			f.live(50)
		}, 110, 150, 40},
		"what comes late for it": {func(f *life) {
			f.live(100)
			f.turn("login")
			f.live(50)
			f.turn("login")
			_, err := f.l.Fill(func(yield func(time.Time, []slo.Delta) bool) {
				for n := 90; n < 160; n++ {
					yield(after(n), append(good(1, 1), good(77, 1)...))
				}
				for n := 110; n < 160; n++ {
					yield(after(n), good(78, 1))
				}
			})
			require.NoError(f.t, err)
			f.now = 160
			f.live(40)
			for n, of := range map[int]int64{77: 20, 78: 10} { // who is new is no exception
				got, err := f.l.Sum(tenant(n), start, after(160))
				require.NoError(f.t, err)
				require.Equal(f.t, slo.Tally{Counts: slo.Counts{Good: uint64(of)}, Measured: of, Expected: of}, got)
			}
		}, 150, 150, 0},
		"a clock that went back into it": {func(f *life) {
			f.live(100)
			f.turn("clinic-001")
			f.live(50)
			f.turn("clinic-001")
			f.now = 120 // of which nothing is on record
			f.live(80)
		}, 180, 180, 0},
		"a clock that was behind when it left": {func(f *life) {
			f.live(100)
			f.now = -500
			f.live(10)
			f.turn("clinic-001")
			f.now = 100
			f.live(50)
			f.turn("clinic-001")
			f.live(50)
			require.Equal(f.t, 200, f.now)
		}, 160, 650, 0},
		"back before it had left, by the clock": {func(f *life) {
			f.live(100)
			f.turn("clinic-001")
			f.live(50)
			f.turn("clinic-001")
			f.live(10)
			f.now = -2000
			f.live(1)
			f.turn("clinic-001")
			f.live(1)
			f.turn("clinic-001")
			f.now = 160
			f.live(40)
		}, 150, 1390, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLife(t)
			f.attend()
			c.live(f)
			f.expects(c.measured, c.expected, c.excluded)
			f.restart()
			if c.excluded == 0 {
				f.expects(c.measured, c.expected, 0)
			}
		})
	}
}

// TestAbsencesOutliveRewriting compacts, damages and reads a ledger that knows of
// absences.
func TestAbsencesOutliveRewriting(t *testing.T) {
	f := newLife(t)
	f.live(100)
	f.turn("login")
	f.live(50)
	f.turn("login")
	f.live(20)
	f.turn("clinic-001")
	f.live(50)
	f.turn("clinic-001")
	f.live(30)
	f.expects(150, 150, 0)
	require.NoError(t, f.l.Close())

	_, _, err := Compact(f.dir, DefaultOptions())
	require.NoError(t, err)
	f.l = nil
	f.restart()
	f.expects(150, 150, 0)
	require.NoError(t, f.l.Close())

	spoil(t, f.dir, func(d []byte) []byte { clear(d[:2*os.Getpagesize()]); return d })
	f.l = nil
	f.restart()
	require.NotNil(t, f.l.Stats().Recovery)
	f.expects(150, 150, 0)
	require.NoError(t, f.l.db.Update(func(tx *boltTx) error { return putJSON(tx, metaBucket, absencesKey, map[string]absences{}) }))
	require.NoError(t, f.l.mend(errors.New("a fault")), "by what is in memory")
	f.expects(150, 150, 0)
	require.NoError(t, f.l.Close())

	f.l, err = Open(f.dir, Options{Retention: DefaultOptions().Retention, ReadOnly: true})
	require.NoError(t, err)
	f.define()
	require.NoError(t, f.l.Watch(Windows([]slo.Objective{promise("login", "a")})))
	f.expects(150, 150, 0)
	f.turn("login")
	f.expects(150, 150, 0)
	require.NoError(t, f.l.Close())
}

// TestMissingIsNotWhatWasAbsent asks what to catch up on.
func TestMissingIsNotWhatWasAbsent(t *testing.T) {
	f := newLife(t)
	f.live(10)
	f.turn("login")
	f.live(10)
	f.turn("login")
	f.is["clinic-077"] = true // who began after it came back
	require.NoError(t, f.l.Add(after(25), good(77, 1)))
	f.live(10)
	f.down(5)
	f.live(5)
	f.turn("clinic-077")
	f.turn("clinic-001")
	f.turn("clinic-008")
	f.live(10)
	all, err := f.l.Missing("login", after(0), after(f.now))
	require.NoError(t, err)
	require.Equal(t, []slo.Span{{From: after(30), To: after(35)}}, all)
	all, err = f.l.Missing("nobody", after(0), after(2))
	require.NoError(t, err)
	require.Len(t, all, 1, "of what has no record all is missing")
	for _, objectives := range [][]slo.Objective{{promise("nobody", "c")}, {}, {promise("nobody", "c")}} {
		_, err := f.l.Define(objectives)
		require.NoError(t, err)
		f.live(10)
	}
	all, err = f.l.Missing("nobody", after(f.now-30), after(f.now))
	require.NoError(t, err)
	require.Equal(t, []slo.Span{{From: after(f.now - 30), To: after(f.now - 20)}, {From: after(f.now - 10), To: after(f.now)}}, all)
}

// TestStrangersAreRecorded has a tenant that was never there: it is known only
// from what a source tells.
func TestStrangersAreRecorded(t *testing.T) {
	f := newLife(t)
	f.is["clinic-001"] = false
	f.live(10)
	f.expects(10, 10, 0)
	f.turn("clinic-001")
	f.live(10)
	f.turn("clinic-001")
	f.live(10)
	f.expects(20, 20, 0)
}

// TestWhoWasAbsentThroughoutIsInNoSlice asks for a stretch in which a tenant was
// not there, and for one in which it was for a minute.
func TestWhoWasAbsentThroughoutIsInNoSlice(t *testing.T) {
	f := newLife(t)
	f.live(10)
	f.turn("clinic-001")
	f.live(30)
	var seen []int
	require.NoError(t, f.l.Walk([]time.Time{after(9), after(11), after(40)}, func(s Slice) error {
		n := 0
		for i := range s.All() {
			if i.Objective == "login" {
				n++
			}
		}
		seen = append(seen, n)
		return nil
	}))
	require.Equal(t, []int{2, 1}, seen)
}

// TestFormerFilesKnowOfNoAbsences reads a file in which nothing is said of them,
// and has an objective return that was lost before.
func TestFormerFilesKnowOfNoAbsences(t *testing.T) {
	f := newLife(t)
	f.live(10)
	f.is["login"] = false
	require.NoError(t, f.l.db.Update(func(tx *boltTx) error { return tx.Bucket(metaBucket).Delete(absencesKey) }))
	f.down(10)
	f.restart()
	f.live(10)
	f.turn("login")
	f.live(10)
	f.expects(20, 20, 0)
}

func TestAbsencesAreBounded(t *testing.T) {
	var all absences
	for n := range int64(3000) {
		all = all.begin(10 * n).finish(10*n + 5)
	}
	require.Len(t, all, maxAbsences)
	require.Equal(t, absence{29990, 29995}, all[maxAbsences-1])
	require.LessOrEqual(t, len(all.without(29992)), maxAbsences)
	require.Equal(t, int64(4), all.without(29992).minutes(29990, 29995))
}

func TestFailedDefineKeepsAbsences(t *testing.T) {
	f := newLife(t)
	f.live(10)
	f.live(1)
	require.NoError(t, f.l.db.Close())
	_, err := f.l.Define(nil)
	require.ErrorContains(t, err, "database not open")
	require.False(t, f.l.absent["login"].lasting())
	require.Empty(t, f.l.away[0])
}
