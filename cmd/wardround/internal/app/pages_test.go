package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ailment breaks a built-in promise to a tenant, or about a target, on the ward W, and keeps it
// again.
type ailment[W any] struct {
	promise string
	patient string // the tenant that it is made to
	target  string // or the server that it is made about
	instead string // YAML that replaces a part of the promise: what takes an hour must take seconds here
	before  bool   // it is broken before the daemon starts
	fall    func(w W)
	heal    func(w W)
}

// page is what somebody is paged for.
func (a ailment[W]) page(s *stage) string {
	if a.target != "" {
		return a.promise + " " + s.target(a.target)
	}
	return a.promise + " " + s.tenant(a.patient)
}

// judgedBy writes a policy under which hours are minutes, and has the ailments' promises judged by it.
func judgedBy[W any](s *stage, share string, all []ailment[W]) {
	s.write("quick.yaml", fmt.Sprintf("name: quick\npairs: [{severity: page, share: %s, long: 2m, short: 1m}]\n", share))
	for _, a := range all {
		s.write("own-"+a.promise+".yaml", "extends: "+a.promise+"\nwindow: 1d\npolicy: quick\ntargets: 99%\n"+a.instead+"\n")
	}
}

// pages watches what a real Alertmanager is told of a stage's promises.
type pages struct {
	t     *testing.T
	stage *stage
	since time.Time
	due   map[string]bool
	came  map[string]time.Duration // since the beginning
	left  map[string]time.Duration
}

func watchPages(t *testing.T, s *stage) *pages {
	t.Helper()
	p := &pages{t: t, stage: s, since: time.Now(), due: map[string]bool{}, came: map[string]time.Duration{}, left: map[string]time.Duration{}}
	t.Cleanup(func() {
		when := func(at map[string]time.Duration, page string) string {
			if at[page] == 0 {
				return "never"
			}
			return at[page].Round(time.Second).String()
		}
		for _, one := range slices.Sorted(maps.Keys(p.due)) {
			t.Logf("%-50s came %6s, left %6s", one, when(p.came, one), when(p.left, one))
		}
	})
	return p
}

// look is who is paged for now.
func (p *pages) look() map[string]bool {
	p.t.Helper()
	now, at := map[string]bool{}, time.Since(p.since)
	for _, a := range alerts(p.t) {
		who := a.Labels["tenant"] + a.Labels["target"]
		ours := strings.HasPrefix(who, p.stage.name+"_") || strings.HasPrefix(who, p.stage.name+"-")
		if ours && a.Labels["long_window"] == "2m" {
			now[a.Labels["objective"]+" "+who] = true
		}
	}
	for one := range now {
		if p.came[one] == 0 {
			p.came[one] = at
		}
		delete(p.left, one)
	}
	for one := range p.came {
		if !now[one] && p.left[one] == 0 {
			p.left[one] = at
		}
	}
	return now
}

// come waits until each promise that was broken has been paged for, and nobody else.
func (p *pages) come(limit time.Duration, broken ...string) {
	p.t.Helper()
	for _, one := range broken {
		p.due[one] = true
	}
	within(p.t, limit, "every broken promise pages", func() bool {
		p.look()
		return len(missing(p.due, p.came)) == 0
	})
	require.Empty(p.t, missing(p.came, p.due), "nobody else is paged for")
}

// leave waits until nobody is paged for any more, and nobody else has been.
func (p *pages) leave(limit time.Duration) {
	p.t.Helper()
	within(p.t, limit, "every page ends", func() bool { return len(p.look()) == 0 })
	require.Empty(p.t, missing(p.came, p.due), "nobody else was paged for")
}

// missing are those that are not there.
func missing[A, B any](want map[string]A, there map[string]B) []string {
	var all []string
	for one := range want {
		if _, is := there[one]; !is {
			all = append(all, one)
		}
	}
	return all
}
