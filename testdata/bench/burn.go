package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/ledger"
	"github.com/wardround/wardround/testdata/platform"
)

const (
	burnInstances = 2000 // of ours
	burnRival     = 10   // of Prometheus: 2,000 would take a minute and a half of processor time a round
	burnTicks     = 100
	burnRounds    = 3
)

// measureBurn compares what a round of burn rates costs: eight windows up to 30 days of each
// instance, from running sums over the ledger, and from PromQL over the same counters in a
// Prometheus, a sample a minute.
func measureBurn(ctx context.Context, out io.Writer) error {
	say(out, "\nburn rates: %d instances of ours, %d in a Prometheus with 30 days of samples\n", burnInstances, burnRival)
	dir, err := os.MkdirTemp("", "wardround-burn-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is in the system's folder for such things
	o, err := burnObjective()
	if err != nil {
		return err
	}
	ours, err := ourBurn(dir, o)
	if err != nil {
		return err
	}
	theirs, err := theirBurn(ctx, dir, o)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say(t, "\neight windows of an instance, per round\tCPU\n")
	say(t, "wardround: recorded, moved, read and judged\t%s\n", ours.whole)
	say(t, "  of it read and judged\t%s (%d instances in %s)\n", ours.judged, burnInstances, ours.judged*burnInstances)
	say(t, "PromQL over a TSDB\t%s (%.0f×)\n", theirs, float64(theirs)/float64(ours.whole))
	_ = t.Flush() // nobody to be told
	say(out, "\n")
	verdict(out, ours.judged*burnInstances <= time.Millisecond, "at most 1 ms to read and judge %d instances", burnInstances)
	verdict(out, float64(theirs)/float64(ours.whole) >= 10_000, "at least 10,000 times cheaper than PromQL")
	return nil
}

func burnObjective() (*slo.Objective, error) {
	all, err := slo.ParseObjectives("bench.yaml", []byte(
		"name: bench\nquestion: healthy\ntitle: Bench\nindicator: {events: {bad: bench_bad_total, total: bench_total}}\ntargets: 99.9%\n"))
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// burnCost is the processor time per instance and round.
type burnCost struct{ whole, judged time.Duration }

// ourBurn is the daemon's own work: a minute of random counts is appended, all windows are moved,
// read and judged.
func ourBurn(dir string, o *slo.Objective) (cost burnCost, err error) {
	book, err := ledger.Open(dir, ledger.DefaultOptions())
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	if _, err := book.Define([]slo.Objective{*o}); err != nil {
		return cost, err
	}
	if err := book.Watch(ledger.Windows([]slo.Objective{*o})); err != nil {
		return cost, err
	}
	random, minute := rand.New(rand.NewPCG(1, 2)), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	deltas := make([]slo.Delta, burnInstances)
	for i := range deltas {
		deltas[i].Instance = slo.NewInstance(o.Name, slo.Label{Name: "tenant", Value: fmt.Sprintf("tenant_%04d", i)})
	}
	judge, read, evaluations := slo.NewJudge(o), book.Reader(o), make([]slo.Evaluation, burnInstances)
	for range burnTicks {
		for i := range deltas {
			deltas[i].Counts = slo.Counts{Good: random.Uint64N(200), Bad: random.Uint64N(1000) / 999}
		}
		minute = minute.Add(time.Minute)
		before := spent()
		if err := book.Append(minute, deltas); err != nil {
			return cost, err
		}
		between := spent()
		for i := range evaluations {
			judge.Into(&evaluations[i], read(deltas[i].Instance, ""))
		}
		after := spent()
		cost.whole += after - before
		cost.judged += after - between
	}
	cost.whole /= burnTicks * burnInstances
	cost.judged /= burnTicks * burnInstances
	return cost, nil
}

// spent is this process' processor time.
func spent() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// theirBurn fills a real Prometheus and asks it for the same windows.
func theirBurn(ctx context.Context, dir string, o *slo.Objective) (_ time.Duration, err error) {
	now := time.Now().Truncate(time.Minute)
	file := filepath.Join(dir, "samples.txt")
	if err := writeSamples(file, now); err != nil {
		return 0, err
	}
	text, err := exec.CommandContext(ctx, "promtool", "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "tsdb")).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("fill Prometheus: %w: %s", err, text)
	}
	m, err := platform.StartPrometheus(ctx, platform.MonitorOptions{
		Place: platform.Place{Dir: dir}, Config: "global: {scrape_interval: 1m}\n", Args: []string{"--storage.tsdb.retention.time=60d"},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Stop(), m.Remove()) }()
	ask := func() error {
		for _, w := range o.BurnWindows() {
			if err := askBurn(ctx, m.URL(), w, now); err != nil {
				return err
			}
		}
		return nil
	}
	if err := ask(); err != nil { // the files are read now
		return 0, err
	}
	before, err := timesOf(m.PID())
	if err != nil {
		return 0, err
	}
	for range burnRounds {
		if err := ask(); err != nil {
			return 0, err
		}
	}
	after, err := timesOf(m.PID())
	return (after.self - before.self) / (burnRounds * burnRival), err
}

// writeSamples writes 30 days of two counters for each instance, a sample a minute.
func writeSamples(name string, now time.Time) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out, random := bufio.NewWriterSize(file, 1<<20), rand.New(rand.NewPCG(3, 4))
	const minutes = 30 * 24 * 60
	for _, name := range []string{"bench_bad", "bench"} {
		say(out, "# TYPE %s counter\n", name)
		for i := range burnRival {
			total := uint64(0)
			for minute := range minutes {
				if total += random.Uint64N(200); name == "bench_bad" {
					total -= total % 2
				}
				at := now.Add(time.Duration(minute-minutes+1) * time.Minute).Unix()
				say(out, "%s_total{tenant=\"tenant_%04d\"} %d %d\n", name, i, total, at)
			}
		}
	}
	say(out, "# EOF\n")
	return out.Flush()
}

// askBurn asks for one window's error ratio of all instances.
func askBurn(ctx context.Context, address string, window time.Duration, now time.Time) error {
	w := model.Duration(window).String()
	query := url.Values{
		"query": {fmt.Sprintf("sum by (tenant) (increase(bench_bad_total[%[1]s])) / sum by (tenant) (increase(bench_total[%[1]s]))", w)},
		"time":  {fmt.Sprint(now.Unix())},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/v1/query?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read what Prometheus says: %w", err)
	}
	if len(answer.Data.Result) != burnRival {
		return fmt.Errorf("prometheus knows %d of %d instances: %s", len(answer.Data.Result), burnRival, strings.TrimSpace(answer.Error))
	}
	return nil
}
