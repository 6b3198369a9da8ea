package collectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

// Maker builds the visit to be judged. What it starts or opens ends with t; the collector's
// Close belongs into t.Cleanup. The collector is to log to logger: the suite reads along.
type Maker func(t *testing.T, logger *slog.Logger) collectors.Visit

// Suite says what there is to judge about one collector.
type Suite struct {
	Catalogue collectors.Catalogue // all that it may emit
	New       Maker                // a visit that succeeds
	Broken    map[string]Broken    // by name, visits that fail
	Want      []string             // families that the healthy visit must bring
	Canaries  []string             // planted in what it reads or is configured with; seen nowhere
}

// Broken is a visit that must fail.
type Broken struct {
	New    Maker
	Reason collectors.Reason // as which the failure counts
}

const (
	// timeout is how long a visit may take where it does not say so itself: short enough to wait
	// for a server that hangs.
	timeout = 3 * time.Second
	// patience is how long a visit that waits for nothing may take on a busy machine, and how long
	// what it left may take to end.
	patience = 10 * time.Second
	// slack is how soon after its deadline, or after it was cancelled, a visit must have returned.
	slack = time.Second
)

// Run judges the collector.
func Run(t *testing.T, s Suite) {
	t.Helper()
	t.Run("catalogue", func(t *testing.T) { require.NoError(t, s.Catalogue.Validate()) })
	s.enclosed(t, "healthy", s.New, s.healthy)
	for name, broken := range s.Broken {
		s.enclosed(t, "broken "+name, broken.New, func(ctx context.Context, v collectors.Visit) error {
			return s.broken(ctx, v, broken.Reason)
		})
	}
}

// enclosed runs a case and looks for what it left behind: in its output canaries, and once its
// clean-up is through, goroutines and sockets.
func (s Suite) enclosed(t *testing.T, name string, make Maker, judge func(context.Context, collectors.Visit) error) {
	t.Helper()
	before, err := takeStock()
	require.NoError(t, err)
	t.Run(name, func(t *testing.T) {
		lines := &lockedBuffer{}
		visit := make(t, slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
		require.NoError(t, judge(t.Context(), visit))
		require.NoError(t, s.silent("log", lines.String()))
	})
	require.NoError(t, before.leftovers(t.Context()), name)
}

// healthy judges visits to a server that is well: the first, the next ones, and one that is
// cancelled before it begins.
func (s Suite) healthy(ctx context.Context, v collectors.Visit) error {
	var held int
	for i := range 3 {
		log, batch, err := once(ctx, v, max(limit(v), patience))
		if err != nil {
			return err
		}
		if log.Outcome != collectors.Success {
			return fmt.Errorf("visit %d failed (%s): %s", i+1, log.Reason, log.Error)
		}
		if err := s.content(log, batch); err != nil {
			return fmt.Errorf("visit %d: %w", i+1, err)
		}
		if i == 0 {
			if held, err = fewestSockets(ctx, anyNumber, slack/10); err != nil {
				return err
			}
			continue
		}
		sockets, err := fewestSockets(ctx, held, patience)
		if err != nil {
			return err
		}
		if sockets > held {
			return fmt.Errorf("visit %d left %d sockets open, the first %d", i+1, sockets, held)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	return cutShort(cancelled, v, time.Now())
}

// broken judges visits to a server that is not well: they fail, for the right reason, in time,
// more than once, and also when they are cancelled half way.
func (s Suite) broken(ctx context.Context, v collectors.Visit, want collectors.Reason) error {
	within := limit(v)
	if want != collectors.ReasonTimeout {
		within = max(within, patience)
	}
	for range 2 {
		log, batch, err := once(ctx, v, within)
		switch {
		case err != nil:
			return err
		case log.Outcome != collectors.Failure:
			return fmt.Errorf("the visit succeeded with %d samples, notes %q", log.Samples, log.Notes)
		case log.Reason != want:
			return fmt.Errorf("the visit failed for the reason %q, want %q: %s", log.Reason, want, log.Error)
		case log.Duration > limit(v)+slack:
			return fmt.Errorf("the visit took %s, and may take %s", log.Duration, limit(v))
		}
		// It may still say what it knows, such as that its target is down.
		if err := errors.Join(s.silent("error", log.Error), s.judged(log, batch)); err != nil {
			return fmt.Errorf("of a failed visit: %w", err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	at := time.Now().Add(slack / 10)
	timer := time.AfterFunc(time.Until(at), cancel)
	defer timer.Stop()
	return cutShort(cancelled, v, at)
}

// cutShort makes a visit that is cancelled at the given time. It must return soon after, with an
// error.
func cutShort(ctx context.Context, v collectors.Visit, at time.Time) error {
	err := v.Collector.Collect(ctx, collectors.NewBuilder(v.Key, time.Now()))
	if late := time.Since(at); late > slack {
		return fmt.Errorf("a cancelled visit returned %s after it was cancelled", late)
	}
	if err == nil {
		return fmt.Errorf("a cancelled visit succeeded")
	}
	return nil
}

// once makes one visit as the daemon makes it, within a time. Of a visit that failed the Batch is
// what it wrote all the same, such as that its target is down; nil where that is nothing.
func once(ctx context.Context, v collectors.Visit, within time.Duration) (collectors.Log, *collectors.Batch, error) {
	v.Eager, v.Interval, v.Timeout = true, 0, within
	o := collectors.DefaultOptions()
	o.Store, o.Interval = collectors.NewStore(), time.Hour
	rounds, err := collectors.NewRounds(ctx, o)
	if err != nil {
		return collectors.Log{}, nil, err
	}
	defer rounds.Stop()
	if err := rounds.Set([]collectors.Visit{v}); err != nil {
		return collectors.Log{}, nil, err
	}
	over := time.NewTimer(within + 5*slack)
	defer over.Stop()
	select {
	case <-rounds.Ready():
	case <-over.C:
		return collectors.Log{}, nil, fmt.Errorf("the visit did not return within %s of its deadline", 5*slack)
	}
	batch, _ := o.Store.Get(v.Key)
	return rounds.Status()[0].Logs[0], batch, nil
}

func limit(v collectors.Visit) time.Duration {
	if v.Timeout > 0 {
		return v.Timeout
	}
	return timeout
}

// lockedBuffer keeps log lines that may come from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
