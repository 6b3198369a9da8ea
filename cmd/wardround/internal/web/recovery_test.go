package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/backup"
)

// told are the measures of a standing as a reader sees them.
func told(s backup.Standing) []string {
	r := newRecovery(s, now)
	if r == nil {
		return nil
	}
	var all []string
	for _, m := range r.Measures {
		all = append(all, m.Verdict.String()+": "+m.Now+" / "+m.Allowed)
	}
	return all
}

func TestRecoveryAsPeopleReadIt(t *testing.T) {
	terms := backup.Terms{RPO: 24 * time.Hour, RTO: time.Hour, Rehearsal: 30 * 24 * time.Hour}
	read, unread := []backup.Held{{Place: "nightly", Read: true}}, []backup.Held{{Place: "nightly", Read: true}, {Place: "offsite"}}
	good := backup.Rehearsal{Tenant: "north", Started: now.Add(-48 * time.Hour), Success: true, Seconds: 90}
	slow, bad := good, backup.Rehearsal{Tenant: "north", Started: now.Add(-3 * time.Hour), Reason: "restore"}
	slow.Seconds = 3601
	for name, c := range map[string]struct {
		standing backup.Standing
		says     []string
	}{
		"nobody asked": {backup.Standing{Terms: terms}, nil},
		"as promised": {
			backup.Standing{Terms: terms, Point: now.Add(-24 * time.Hour), Places: read, Last: good, Good: good, Due: now.Add(72 * time.Hour)},
			[]string{"kept: 24 h / 24 h", "kept: 90 s, measured 2 d ago / 60 min", "kept: 2 d ago, with success / due within 3 d"},
		},
		"too old, too slow, overdue": {
			backup.Standing{Terms: terms, Point: now.Add(-25 * time.Hour), Places: read, Last: slow, Good: slow, Due: now.Add(-72 * time.Hour)},
			[]string{"broken: 25 h / 24 h", "broken: 60 min, measured 2 d ago / 60 min", "at risk: 2 d ago, with success / overdue for 3 d"},
		},
		"the last one failed": {
			backup.Standing{Terms: terms, Point: now, Places: read, Last: bad, Good: good, Due: now.Add(-72 * time.Hour)},
			[]string{"kept: 0 ms / 24 h", "kept: 90 s, measured 2 d ago / 60 min", "broken: 3 h ago, failed (restore) / overdue for 3 d"},
		},
		"nothing kept": {
			backup.Standing{Terms: terms, Known: true, Places: read, Due: now.Add(time.Hour)},
			[]string{"broken: all of it / 24 h", "not known: never measured / 60 min", "not known: never / due within 60 min"},
		},
		"a place was not read": {
			backup.Standing{Places: unread},
			[]string{"not known: not known / –", "not known: never measured / –", "not known: never / –"},
		},
		"rehearsed elsewhere, no place": {
			backup.Standing{Last: good, Good: good},
			[]string{"not known: not known / –", "kept: 90 s, measured 2 d ago / –", "kept: 2 d ago, with success / –"},
		},
	} {
		require.Equal(t, c.says, told(c.standing), name)
	}
}

func TestATenantsPageTellsItsRecovery(t *testing.T) {
	c := newClient(t)
	tenant := c.state.Tenants[0].Name
	require.NotContains(t, askPage(c, "/tenants/"+tenant), "Recovery")
	newest := backup.Backup{Type: backup.Zip, Stop: c.state.At.Add(-3 * time.Hour), Size: 1_234_567_890}
	cut := backup.Backup{Type: backup.Zip, Stop: c.state.At.Add(-time.Hour), Fault: "truncated"}
	c.memory.standing = map[string]backup.Standing{tenant: {Point: newest.Stop, Places: []backup.Held{
		{Place: "nightly", Read: true, State: backup.State{Newest: newest, Oldest: newest.Stop, Attempt: cut}},
		{Place: "offsite", Read: true},
		{Place: "tapes"},
	}}}
	page := askPage(c, "/tenants/"+tenant)
	for _, says := range []string{
		"Recovery", "Work that would be lost now", `<td>3 h ago</td><td>odoo_zip</td><td class="number">1.23 GB</td><td>3 h ago</td><td class="broken">60 min ago, failed (truncated)</td>`,
		`<th scope="row">offsite</th><td class="broken">none</td><td>–</td><td class="number">–</td><td>–</td><td>never</td>`, "not read yet",
	} {
		require.Contains(t, page, says)
	}
}

func TestSizes(t *testing.T) {
	for n, says := range map[int64]string{0: "–", 1: "1 B", 999: "999 B", 1000: "1 kB", 172_525: "173 kB", 25_400_000_000_000: "25.4 TB"} {
		require.Equal(t, says, size(n))
	}
}
