package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wardround/wardround/testdata/platform"
)

// result is what was measured of one exporter.
type result struct {
	name   string
	crons  string          // see rival
	first  cost            // until every tenant was asked
	warm   []time.Duration // scrapes until then
	idle   cost            // from then on, at one scrape a minute
	busy   cost            // Wardround's only: after something was written to every database
	visits float64         // of these databases, meanwhile
	scrape []time.Duration // ten in a row, after that
	page   *page           // the last of these
	bad    []badDay
}

// measureExporters lets each exporter watch the same tenants as the same role, in turn, and prints
// what it took.
func measureExporters(ctx context.Context, p plan, out io.Writer) (err error) {
	say(out, "\n%d tenants' databases are being seeded\n", p.databases)
	s, err := newStage(ctx, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	w, err := newWatcher(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()

	bench := &bench{stage: s, watcher: w, out: out}
	var all []*result
	for _, r := range rivals(p) {
		if !p.wants("exporters") && p.only != r.name {
			continue
		}
		res, err := bench.measure(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		all = append(all, res)
	}
	compare(out, all)
	if all[0].name == wardroundName {
		judge(out, all)
	}
	return nil
}

const (
	aRound   = 65 * time.Second
	aWhile   = 20 * time.Second
	tooLong  = 20 * time.Second // when a scrape is given up, twice what Prometheus waits by default
	fewest   = 5                // connections that the role may open on a bad day
	locked   = 7                // number of the tenant whose table is locked on a bad day
	noLimit  = -1
	interval = time.Minute // between scrapes while the cost is measured
)

type bench struct {
	stage   *stage
	watcher *watcher
	out     io.Writer
}

// measure starts an exporter and watches it: until it knows every tenant, then while nothing
// happens, then being scraped a few times in a row, then on bad days.
func (b *bench) measure(ctx context.Context, r *rival) (_ *result, err error) {
	say(b.out, "%s: getting to know the tenants\n", r.name)
	server, err := r.start(ctx, b.stage)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Remove()) }()
	s := newScraper(server.Addr())
	defer s.close()
	res := &result{name: r.name, crons: r.crons}
	res.first, err = b.watcher.during(ctx, server, func(ctx context.Context) error {
		res.warm, err = b.meet(ctx, r, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	say(b.out, "%s: %s on the idle platform\n", r.name, r.idle)
	if res.idle, err = b.watcher.during(ctx, server, func(ctx context.Context) error { return scrapeSlowly(ctx, s, r.idle) }); err != nil {
		return nil, err
	}
	if res.page, res.scrape, err = scrapeOften(ctx, s, 10); err != nil {
		return nil, err
	}
	if r.visits != "" {
		if err := b.churn(ctx, r, server, s, res); err != nil {
			return nil, err
		}
	}
	for _, t := range r.troubles {
		say(b.out, "%s: %s\n", r.name, t)
		day, err := b.endure(ctx, r, server, t, res.page)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		res.bad = append(res.bad, day)
	}
	return res, nil
}

// meet scrapes every second until every tenant was asked, and returns how long the scrapes took.
func (b *bench) meet(ctx context.Context, r *rival, s *scraper) ([]time.Duration, error) {
	var took []time.Duration
	for began := time.Now(); ; {
		p, err := s.scrape(ctx, 2*time.Minute)
		if err != nil {
			return nil, err
		}
		took = append(took, p.took)
		there := p.tenants(r.crons)
		if there == b.stage.databases {
			return took, nil
		}
		if time.Since(began) > 2*time.Minute {
			return nil, fmt.Errorf("only %d of %d tenants were asked within two minutes", there, b.stage.databases)
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// scrapeSlowly scrapes in the middle of each interval.
func scrapeSlowly(ctx context.Context, s *scraper, lasts time.Duration) error {
	for range int(lasts / interval) {
		if err := pause(ctx, interval/2); err != nil {
			return err
		}
		if _, err := s.scrape(ctx, interval/2); err != nil {
			return err
		}
		if err := pause(ctx, interval/2); err != nil {
			return err
		}
	}
	return nil
}

// scrapeOften scrapes every second and returns the last page.
func scrapeOften(ctx context.Context, s *scraper, n int) (last *page, took []time.Duration, err error) {
	for range n {
		if last, err = s.scrape(ctx, time.Minute); err != nil {
			return nil, nil, err
		}
		took = append(took, last.took)
		if err := pause(ctx, time.Second); err != nil {
			return nil, nil, err
		}
	}
	return last, took, nil
}

// churn writes to every database and measures what visiting them takes: those that were seen until
// then, in about a round. It tells what a visit costs that is made although nothing was written.
func (b *bench) churn(ctx context.Context, r *rival, server *platform.Server, s *scraper, res *result) error {
	say(b.out, "%s: %s after writes to all\n", r.name, aRound)
	for n := range b.stage.databases {
		if err := b.stage.stir(ctx, n, work); err != nil {
			return err
		}
	}
	before, err := s.scrape(ctx, time.Minute)
	if err != nil {
		return err
	}
	if res.busy, err = b.watcher.during(ctx, server, func(ctx context.Context) error { return pause(ctx, aRound) }); err != nil {
		return err
	}
	after, err := s.scrape(ctx, time.Minute)
	if err != nil {
		return err
	}
	res.visits = after.sum(r.visits) - before.sum(r.visits)
	return nil
}

// trouble is what is wrong on a bad day.
type trouble struct {
	limit int  // connections that the role may open; 0 is no limit
	lock  bool // a table of one tenant is locked
	lasts time.Duration
}

func (t trouble) String() string {
	switch {
	case t.limit > 0 && t.lock:
		return fmt.Sprintf("%d connections and one ir_cron locked", t.limit)
	case t.limit > 0:
		return fmt.Sprintf("%d connections", t.limit)
	default:
		return "one ir_cron locked"
	}
}

// shownBy says whether a page tells of the trouble.
func (t trouble) shownBy(r *rival, p *page) bool {
	return (t.limit == 0 || r.limitShown(p)) && (!t.lock || r.lockShown(p))
}

// badDay is how an exporter fared in trouble.
type badDay struct {
	trouble
	took    []time.Duration // of the scrapes that came to an end
	given   int             // scrapes that were given up or refused
	tenants int             // of which it told scheduled tasks at the end
	shown   bool            // the page tells what is wrong, and does not on other days
}

// endure starts the exporter anew in trouble, because connections that it holds would hide it, and
// scrapes it every second.
func (b *bench) endure(ctx context.Context, r *rival, server *platform.Server, t trouble, normal *page) (_ badDay, err error) {
	if err := server.Stop(); err != nil {
		return badDay{}, err
	}
	if t.limit > 0 {
		if err := b.stage.limit(ctx, t.limit); err != nil {
			return badDay{}, err
		}
		defer func() { err = errors.Join(err, b.stage.limit(context.WithoutCancel(ctx), noLimit)) }()
	}
	if t.lock {
		release, err := b.stage.lock(ctx, locked)
		if err != nil {
			return badDay{}, err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	if err := server.Start(ctx); err != nil {
		return badDay{}, err
	}
	s := newScraper(server.Addr())
	defer s.close()
	return b.scrapeInTrouble(ctx, r, s, t, normal)
}

func (b *bench) scrapeInTrouble(ctx context.Context, r *rival, s *scraper, t trouble, normal *page) (badDay, error) {
	day := badDay{trouble: t}
	for until := time.Now().Add(t.lasts); time.Now().Before(until); {
		p, err := s.scrape(ctx, tooLong)
		switch {
		case ctx.Err() != nil:
			return day, context.Cause(ctx)
		case err != nil:
			day.given++
		default:
			day.took = append(day.took, p.took)
			day.tenants = p.tenants(r.crons)
			day.shown = t.shownBy(r, p) && !t.shownBy(r, normal)
		}
		if err := pause(ctx, time.Second); err != nil {
			return day, err
		}
	}
	return day, nil
}

func middle(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
