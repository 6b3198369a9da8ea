package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// compare prints a row for each figure and a column for each exporter; behind what theirs is, how
// many times as much as ours.
func compare(out io.Writer, all []*result) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what string, cell func(*result) string) {
		cells := []string{what}
		for _, r := range all {
			cells = append(cells, cell(r))
		}
		say(t, "%s\n", strings.Join(cells, "\t"))
	}
	ratio := func(what string, value func(*result) float64, text func(float64) string) {
		row(what, func(r *result) string {
			v, ours := value(r), value(all[0])
			if r == all[0] || ours <= 0 {
				return text(v)
			}
			return fmt.Sprintf("%s (%.2g×)", text(v), v/ours)
		})
	}
	say(t, "\n")
	row("", func(r *result) string { return r.name })
	ratio("connections held, at most", func(r *result) float64 { return float64(max(r.first.held.most, r.idle.held.most)) }, whole)
	ratio("  to tenants' databases while idle", func(r *result) float64 { return float64(r.idle.held.tenants) }, whole)
	ratio("  oldest of these, s", func(r *result) float64 { return max(r.idle.held.oldest, r.first.held.oldest).Seconds() }, fraction)
	ratio("PostgreSQL CPU, getting to know all, s", func(r *result) float64 { return r.first.postgres.Seconds() }, fraction)
	ratio("PostgreSQL CPU, idle, s/min", func(r *result) float64 { return r.idle.perMinute(r.idle.postgres).Seconds() }, fraction)
	row("  per visit after a write, ms", func(r *result) string {
		if r.visits == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f (%.0f visits)", ms(r.visit()), r.visits)
	})
	ratio("  with the hourly sweep, s/min", func(r *result) float64 { return r.swept().Seconds() }, fraction)
	ratio("exporter CPU, idle, s/min", func(r *result) float64 { return r.idle.perMinute(r.idle.own).Seconds() }, fraction)
	ratio("exporter RSS, MB", func(r *result) float64 { return float64(r.idle.rss) / 1e6 }, whole)
	ratio("scrape, median of 10, ms", func(r *result) float64 { return ms(middle(r.scrape)) }, fraction)
	ratio("scrape, slowest of 10, ms", func(r *result) float64 { return ms(slices.Max(r.scrape)) }, fraction)
	ratio("scrape, bytes sent", func(r *result) float64 { return float64(r.page.size) }, whole)
	ratio("series", func(r *result) float64 { return float64(len(r.page.series)) }, whole)
	_ = t.Flush() // nobody to be told
	for _, r := range all {
		for _, day := range r.bad {
			say(out, "%s with %s: %s\n", r.name, day.trouble, day)
		}
	}
}

// visit is what PostgreSQL spends on one visit to a database in which something was written.
func (r *result) visit() time.Duration {
	idle := r.idle.perMinute(r.idle.postgres).Seconds() * r.busy.lasted.Minutes()
	if r.visits == 0 {
		return 0
	}
	return time.Duration((r.busy.postgres.Seconds() - idle) / r.visits * float64(time.Second))
}

// swept is what PostgreSQL spends a minute on the idle platform with the visits that are made
// although nothing was written: to each database once an hour. Others have none.
func (r *result) swept() time.Duration {
	const sweep = 60 // minutes
	tenants := time.Duration(r.page.tenants(r.crons))
	return r.idle.perMinute(r.idle.postgres) + r.visit()*tenants/sweep
}

func (d badDay) String() string {
	if len(d.took) == 0 {
		return fmt.Sprintf("no scrape came back within %s (%d tries)", tooLong, d.given)
	}
	shown := "the page does not say so"
	if d.shown {
		shown = "the page says so"
	}
	return fmt.Sprintf("scrapes %.2f ms (median of %d), %.2f ms (slowest), %d given up; scheduled tasks of %d tenants; %s",
		ms(middle(d.took)), len(d.took), ms(slices.Max(d.took)), d.given, d.tenants, shown)
}

// judge prints what was promised of Wardround and whether it holds.
func judge(out io.Writer, all []*result) {
	ours := all[0]
	say(out, "\n")
	most := max(ours.first.held.most, ours.idle.held.most)
	verdict(out, most <= 3, "at most 3 connections at any look: %d", most)
	verdict(out, ours.idle.held.tenants == 0 || ours.idle.held.oldest < time.Second,
		"none to a tenant's database between visits: the oldest seen was %.2f s old", ours.idle.held.oldest.Seconds())
	for _, peer := range all[1:] {
		theirs := peer.idle.perMinute(peer.idle.postgres)
		for what, own := range map[string]time.Duration{
			"when nothing is written": ours.idle.perMinute(ours.idle.postgres), "the sweep included": ours.swept(),
		} {
			share := own.Seconds() / theirs.Seconds()
			verdict(out, share <= 1.0/3, "PostgreSQL CPU at most a third of %s, %s: %.2f of it", peer.name, what, share)
		}
	}
	for _, day := range ours.bad {
		normal, then := middle(ours.warm), middle(day.took)
		verdict(out, day.given == 0 && then < 2*normal, "scrape unaffected by %s: %.2f ms, %.2f ms in a normal round",
			day.trouble, ms(then), ms(normal))
		verdict(out, day.shown, "which can be seen in the metrics")
	}
}

func verdict(out io.Writer, holds bool, format string, args ...any) {
	say(out, "%s  %s\n", map[bool]string{true: "holds", false: "FAILS"}[holds], fmt.Sprintf(format, args...))
}

func whole(v float64) string    { return fmt.Sprintf("%.0f", v) }
func fraction(v float64) string { return fmt.Sprintf("%.2f", v) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
