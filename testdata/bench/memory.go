package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/testdata/platform"
)

const (
	perTenant    = 100              // series
	memoryLimit  = 150_000_000      // bytes, at 1,000 tenants
	memoryRounds = 15 * time.Second // between the scrapes, and between the rounds of the synthetic tenants
)

// memoryResult is what the process that holds synthetic tenants took.
type memoryResult struct {
	what         string
	series, size int
	most         int64 // bytes resident at any look
	scrape       []time.Duration
}

// measureMemory starts this very program again to hold the tenants, without promises and with
// them, waits for a first round and scrapes both for a minute.
func measureMemory(ctx context.Context, p plan, out io.Writer) error {
	samples, promised := &memoryResult{what: "samples only"}, &memoryResult{what: "with promises"}
	group := pool.New().WithContext(ctx).WithCancelOnError()
	group.Go(func(ctx context.Context) error { return samples.measure(ctx, p, "-bare") })
	group.Go(func(ctx context.Context) error { return promised.measure(ctx, p) })
	if err := group.Wait(); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say(t, "\n%d tenants × %d series\tseries in all\tRSS at most, MB\tscrape, ms\tbytes sent\n", p.tenants, perTenant)
	for _, m := range []*memoryResult{samples, promised} {
		say(t, "%s\t%d\t%d\t%.2f\t%d\n", m.what, m.series, m.most/1_000_000, ms(middle(m.scrape)), m.size)
	}
	_ = t.Flush() // nobody to be told
	say(out, "\n")
	for _, m := range []*memoryResult{samples, promised} {
		verdict(out, m.most < memoryLimit, "RSS under %d MB, %s", memoryLimit/1_000_000, m.what)
	}
	return nil
}

func (m *memoryResult) measure(ctx context.Context, p plan, flags ...string) (err error) {
	server, err := startHolder(ctx, p, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(), server.Remove()) }() // in order: it has a folder to clear
	s := newScraper(server.Addr())
	defer s.close()
	for second := 1; second <= int((memoryRounds+time.Minute)/time.Second); second++ {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		if time.Duration(second)*time.Second%memoryRounds == 0 {
			page, err := s.scrape(ctx, memoryRounds)
			if err != nil {
				return err
			}
			m.series, m.size, m.scrape = len(page.series), page.size, append(m.scrape, page.took)
		}
		rss, err := memoryOf(server.PID())
		if err != nil {
			return err
		}
		m.most = max(m.most, rss)
	}
	return nil
}

func startHolder(ctx context.Context, p plan, flags []string) (*platform.Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	port, err := platform.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return platform.StartProgram(ctx, platform.Program{
		Place: platform.Place{Port: port}, Name: "holder", Path: self,
		Args: append([]string{"-hold", address, "-tenants", strconv.Itoa(p.tenants)}, flags...),
	})
}
