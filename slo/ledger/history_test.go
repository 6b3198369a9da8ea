package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func promise(name, metric string) slo.Objective {
	return slo.Objective{
		Name: name, By: []string{"tenant"}, Window: day,
		Targets:   slo.Targets{Default: slo.One / 10 * 9},
		Indicator: slo.Indicator{Probe: &slo.Probe{Success: slo.Selector{Text: metric}}},
	}
}

func living(l *Ledger) (all []string) {
	for i := range l.Instances() {
		all = append(all, i.String())
	}
	return all
}

func TestChangedIndicatorBeginsANewHistory(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, DefaultOptions())
	require.NoError(t, err)
	require.NoError(t, l.Watch([]slo.Window{day}))
	define := func(all ...slo.Objective) []string {
		renewed, err := l.Define(all)
		require.NoError(t, err)
		return renewed
	}
	require.Empty(t, define(promise("login", "a"), promise("mail", "b")))
	both := []slo.Delta{{Instance: tenant(1), Counts: slo.Counts{Good: 1}}, {Instance: slo.NewInstance("mail"), Counts: slo.Counts{Good: 1}}}
	for n := range 10 {
		require.NoError(t, l.Append(after(n), both))
	}
	retargeted := promise("login", "a")
	retargeted.Targets.Default, retargeted.Window, retargeted.Policy.Name = slo.One/2, slo.Window{Calendar: slo.Month}, "tickets"
	require.Empty(t, define(retargeted, promise("mail", "b")), "a target, a window and a policy change nothing")
	require.Equal(t, []string{"login"}, define(promise("login", "c"), promise("mail", "b")))
	require.Equal(t, slo.Tally{}, l.Tally(tenant(1), day))
	require.Equal(t, []string{"mail"}, living(l))
	require.NoError(t, l.Append(after(10), both))
	want := slo.Tally{Counts: slo.Counts{Good: 1}, Measured: 1, Expected: 1}
	require.Equal(t, want, l.Tally(tenant(1), day))
	require.NoError(t, l.Close())

	l = open(t, dir)
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.Equal(t, want, l.Tally(tenant(1), day))
	require.Empty(t, define(promise("login", "c")), "a restart renews nothing")
	require.Equal(t, []string{tenant(1).String()}, living(l), "mail is gone")
	require.Empty(t, define(promise("login", "c"), promise("mail", "b")), "mail is back")
	require.Equal(t, int64(11), l.Tally(slo.NewInstance("mail"), day).Measured)
	grouped := promise("mail", "b")
	grouped.By = []string{"tenant", "zone"}
	require.Equal(t, []string{"mail"}, define(promise("login", "c"), grouped))

	var until []time.Time
	require.NoError(t, l.Minutes(start, after(99), func(i slo.Instance) bool { return i == tenant(1) }, func(e *Entry) error {
		until = append(until, e.Until)
		return nil
	}))
	require.Len(t, until, 11)
	require.Equal(t, after(10), until[9])
	require.Zero(t, until[10])
}

// TestDefineTakenBack defines an objective as before, as a reload that fails
// halfway does: at once nothing has happened, later it is a third history.
func TestDefineTakenBack(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	require.NoError(t, l.Watch([]slo.Window{day}))
	define := func(metric string) []string {
		renewed, err := l.Define([]slo.Objective{promise("login", metric)})
		require.NoError(t, err)
		return renewed
	}
	require.Empty(t, define("a"))
	for n := range 5 {
		require.NoError(t, l.Append(after(n), []slo.Delta{good(1, 1)[0], good(2, 1)[0]}))
	}
	require.Equal(t, []string{"login"}, define("b"))
	require.Empty(t, define("a"))
	require.Equal(t, slo.Tally{Counts: slo.Counts{Good: 5}, Measured: 5, Expected: 5}, l.Tally(tenant(2), day))
	require.Equal(t, []string{"login"}, define("b"))
	o := promise("login", "b")
	require.Zero(t, l.Reader(&o)(tenant(2), "").Period, "what has ended is not read, though it comes next")
	require.Equal(t, []string{"login"}, define("c"))
	require.Equal(t, []string{"login"}, define("b"), "there is nothing of b to go on with")
	require.NoError(t, l.Append(after(5), good(1, 1)))
	require.Equal(t, []string{"login"}, define("a"))
	require.Equal(t, slo.Tally{}, l.Tally(tenant(1), day), "a has ended before b was recorded")
	require.NoError(t, l.Close())

	l = open(t, dir)
	require.NoError(t, l.Watch([]slo.Window{day}))
	require.Empty(t, define("b"), "b goes on, with a restart between")
	require.Equal(t, int64(1), l.Tally(tenant(1), day).Measured)
	require.Empty(t, l.Tally(tenant(2), day))
}

func TestFailedDefineChangesNothing(t *testing.T) {
	l := appended(t, 3)
	_, err := l.Define([]slo.Objective{promise("login", "a")})
	require.NoError(t, err)
	require.NoError(t, l.db.Close())
	_, err = l.Define([]slo.Objective{promise("login", "b")})
	require.ErrorContains(t, err, "write what the objectives measure: database not open")
	require.Equal(t, int64(3), l.Tally(tenant(1), day).Measured)
}
