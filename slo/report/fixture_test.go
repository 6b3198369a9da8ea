package report_test

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the tests know their zones wherever they run

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/report"
)

// promises are one or two for each question; nobody promised anything about changes.
const promises = `
name: login
question: healthy
title: Login page works
indicator: {events: {good: 'logins_total{outcome="ok"}', total: logins_total}}
targets: {default: 99.5%, dedicated: 99.9%, tenants: {clara: 99.95%, elisabeth: 99%}}
---
name: jobs-on-time
question: healthy
title: Background jobs finish in time
indicator: {threshold: {metric: oldest_job_seconds, op: <=, value: 10m}}
targets: 99%
---
name: replication-keeps-up
question: protected
title: Replication keeps up
by: [target]
indicator: {threshold: {metric: lag_seconds, op: <=, value: 30s}}
targets: 99.9%
---
name: mail-on-time
question: contained
title: Mail leaves in time
indicator: {threshold: {metric: oldest_mail_seconds, op: <=, value: 1h}}
targets: 99%
window: {calendar: month, zone: Europe/Berlin}
---
name: backup-in-date
question: recoverable
title: The last backup is younger than the recovery point objective asks
indicator: {threshold: {metric: backup_timestamp_seconds, op: <=, value: 24h, age: true}}
targets: 99.5%
`

func objectives(t testing.TB, text string) []slo.Objective {
	t.Helper()
	all, err := slo.ParseObjectives("promises.yaml", []byte(text))
	require.NoError(t, err)
	return all
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return zone
}

// record is what an instance did on a day of the month, from 1.
type record func(day int, minutes int64) slo.Tally

// steady measures every minute; bad says how many of them failed on a day.
func steady(bad func(day int) uint64) record {
	return func(day int, minutes int64) slo.Tally {
		b := bad(day)
		return slo.Tally{Counts: slo.Counts{Good: uint64(minutes) - b, Bad: b}, Measured: minutes, Expected: minutes}
	}
}

func never(int) uint64 { return 0 }

// on fails so many minutes on some days.
func on(bad uint64, days ...int) func(int) uint64 {
	return func(day int) uint64 {
		for _, d := range days {
			if d == day {
				return bad
			}
		}
		return 0
	}
}

// unseen leaves days out of a record.
func unseen(r record, from, to int) record {
	return func(day int, minutes int64) slo.Tally {
		if day >= from && day <= to {
			return slo.Tally{Expected: minutes}
		}
		return r(day, minutes)
	}
}

// days fills a month, up to its last day or the one given.
func days(m report.Month, last int, records map[slo.Instance]record) []report.Day {
	edges := m.Edges()
	var all []report.Day
	for i := range min(len(edges)-1, last) {
		d := report.Day{From: edges[i], To: edges[i+1], Tallies: map[slo.Instance]slo.Tally{}}
		for instance, r := range records {
			d.Tallies[instance] = r(i+1, int64(d.To.Sub(d.From)/time.Minute))
		}
		all = append(all, d)
	}
	return all
}

func of(objective, tenant string) slo.Instance {
	return slo.NewInstance(objective, slo.Label{Name: "tenant", Value: tenant})
}

// clinics is a platform of three tiers in a month with a clock change and with every kind of verdict in it.
func clinics(t testing.TB) report.Input {
	t.Helper()
	month := report.Month{Year: 2026, Month: time.October, Zone: berlin(t)}
	in := report.Input{
		Platform: "Northern Clinics", Month: month, Issued: time.Date(2026, time.November, 2, 5, 30, 0, 0, time.UTC),
		Objectives: objectives(t, promises),
	}
	records := map[slo.Instance]record{}
	for i, name := range []string{"anna", "bertha", "clara", "dorothea", "elisabeth", "north", "south-with-a-very-long-name-of-a-regional-clinic-group"} {
		tenant := report.Tenant{Name: name, Tier: "shared", Region: "eu-central"}
		if i < 3 {
			tenant = report.Tenant{Name: name, Tier: "dedicated"}
		}
		in.Tenants = append(in.Tenants, tenant)
		for _, objective := range []string{"login", "jobs-on-time", "mail-on-time", "backup-in-date"} {
			records[of(objective, name)] = steady(never)
		}
	}
	records[of("login", "anna")] = steady(on(31, 14))
	records[of("login", "north")] = unseen(steady(on(130, 6, 14, 15)), 10, 12)
	records[of("jobs-on-time", "clara")] = steady(on(12, 3, 4, 5, 8, 9, 10, 18, 19, 20, 25))
	records[of("jobs-on-time", "south-with-a-very-long-name-of-a-regional-clinic-group")] = steady(on(390, 14))
	records[of("mail-on-time", "bertha")] = steady(func(day int) uint64 { return uint64(day) * 6 })
	records[of("mail-on-time", "dorothea")] = func(_ int, minutes int64) slo.Tally {
		return slo.Tally{Measured: minutes, Expected: minutes}
	}
	records[of("backup-in-date", "elisabeth")] = unseen(steady(never), 4, 28)
	records[slo.NewInstance("replication-keeps-up", slo.Label{Name: "target", Value: "main"})] = func(day int, minutes int64) slo.Tally {
		t := steady(never)(day, minutes)
		if day == 11 {
			t.Good, t.Measured, t.Excluded = t.Good-120, t.Measured-120, 120
		}
		return t
	}
	in.Days = days(month, 31, records)
	in.Exclusions = exclusions(t, agreed)
	in.Closed = []report.Closed{
		frozen(month, of("mail-on-time", "anna"), slo.Counts{Good: 44_380, Bad: 320}),
		frozen(month, of("mail-on-time", "augusta"), slo.Counts{Good: 44_000, Bad: 700}), // who left on the last day
	}
	return in
}

// agreed touch the month in every way, but for the first, which ended before.
const agreed = `
id: summer-move
scope: {}
from: 2026-09-29T20:00:00Z
duration: 4h
category: third_party
approver: Head of Operations
reason: The provider moved a rack.
---
id: switch-over
scope: {objectives: [replication-keeps-up]}
from: 2026-10-11T02:00:00+02:00
duration: 2h
category: exercise
approver: Head of Operations
reason: Rehearsed switch-over to the standby
announced: 2026-10-01T09:00:00+02:00
---
id: sunday-updates
scope: {objectives: [login, backup-in-date], tiers: [dedicated]}
from: 2026-09-06T02:30:00+02:00
duration: 90m
rule: FREQ=WEEKLY;BYDAY=SU
zone: Europe/Berlin
mode: as_good
category: maintenance
approver: Chief Information Officer
reason: Updates of the operating system.
announced: 2026-10-10T12:00:00+02:00
---
id: forgotten
scope: {tenants: [north]}
from: 2026-10-20T22:00:00+02:00
to: 2026-10-21T01:00:00+02:00
category: maintenance
approver: Head of Operations
reason: A certificate was replaced
announced: 2026-10-21T08:00:00+02:00
`

func exclusions(t testing.TB, text string) []slo.Exclusion {
	t.Helper()
	all, err := slo.ParseExclusions("exclusions.yaml", []byte(text))
	require.NoError(t, err)
	return all
}

// frozen is a whole month, closed two days after it ended with a target that held then.
func frozen(m report.Month, i slo.Instance, counts slo.Counts) report.Closed {
	from, to := m.Bounds()
	minutes := int64(to.Sub(from) / time.Minute)
	tally := slo.Tally{Counts: counts, Measured: minutes, Expected: minutes}
	return report.Closed{
		Instance: i, From: from, To: to, At: to.AddDate(0, 0, 1), Tier: "dedicated", Target: 980_000_000, Status: slo.OK,
		Recorded: tally, Judged: tally,
	}
}

// fleet is a platform of many tenants.
func fleet(t testing.TB, tenants int) report.Input {
	t.Helper()
	in := clinics(t)
	records := map[slo.Instance]record{}
	in.Tenants = nil
	for i := range tenants {
		name := fmt.Sprintf("clinic-%04d", i)
		in.Tenants = append(in.Tenants, report.Tenant{Name: name, Tier: "shared", Region: "eu-west"})
		records[of("login", name)] = steady(on(uint64(i%7)*9, i%30+1))
		records[of("mail-on-time", name)] = steady(never)
	}
	in.Days, in.Closed = days(in.Month, 31, records), nil
	return in
}
