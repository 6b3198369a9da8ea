package collectortest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/goleak"

	"github.com/wardround/wardround/testdata/platform"
)

// stock is what was running and open before a case began.
type stock struct {
	goroutines goleak.Option
	sockets    int
	patience   time.Duration // with what is ending
}

func takeStock() (stock, error) {
	sockets, err := openSockets()
	return stock{goroutines: goleak.IgnoreCurrent(), sockets: sockets, patience: patience}, err
}

// leftovers says what is running or open that was not there before. Goroutines and sockets of
// servers that were just stopped get a moment to end.
func (s stock) leftovers(ctx context.Context) error {
	options := append(platform.IgnoreWires(), s.goroutines)
	err := goleak.Find(options...)
	for began := time.Now(); err != nil && time.Since(began) < s.patience; {
		err = goleak.Find(options...) // which waits a little itself
	}
	if err != nil {
		return fmt.Errorf("a goroutine outlived its collector: %w", err)
	}
	sockets, err := fewestSockets(ctx, s.sockets, s.patience)
	if err == nil && sockets > s.sockets {
		err = fmt.Errorf("sockets outlived their collector: %d are open, before it were %d", sockets, s.sockets)
	}
	return err
}

// anyNumber of sockets is never reached: fewestSockets then watches for as long as it may.
const anyNumber = -1

// fewestSockets is the smallest number of sockets seen open until it is enough, or the limit is
// reached: both ends of a connection within this process close a moment after what they carried.
func fewestSockets(ctx context.Context, enough int, limit time.Duration) (int, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector of garbage would close what was forgotten
	over := time.NewTimer(limit)
	defer over.Stop()
	tick := time.NewTicker(slack / 50)
	defer tick.Stop()
	fewest, err := openSockets()
	for err == nil && fewest > enough {
		select {
		case <-ctx.Done():
			return fewest, ctx.Err()
		case <-over.C:
			return fewest, nil
		case <-tick.C:
		}
		var now int
		now, err = openSockets()
		fewest = min(fewest, now)
	}
	return fewest, err
}

// openSockets counts this process's sockets.
func openSockets() (int, error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("list open files: %w", err)
	}
	n := 0
	for _, entry := range entries {
		link, err := os.Readlink(filepath.Join(dir, entry.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // closed since, as the listing's own is
		case err != nil:
			return 0, fmt.Errorf("read open file: %w", err)
		case strings.HasPrefix(link, "socket:"):
			n++
		}
	}
	return n, nil
}
