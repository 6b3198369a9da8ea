package app_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sourcegraph/conc/pool"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/cmd/wardround/internal/command"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/testdata/platform"
)

// The servers that all tests share: starting them for each would take longer than the tests. Each
// test has databases and a role of its own on them, and puts faults on wires of its own.
var (
	primary, replica *platform.Postgres
	cache            *platform.Redis
	alertmanager     *platform.Monitor
)

// childEnv makes the test binary the daemon itself, for tests that kill it or set its environment.
const childEnv = "WARDROUND_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(command.Run(command.Process{
			Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		}))
	}
	redis.Quiet()
	flag.Parse()
	// Nearly all of each test is waiting for the next round. A run that takes long otherwise, such as
	// one that looks for races, says itself how many it can bear at once.
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		if err := flag.Set("test.parallel", "16"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(sharing{m}, platform.IgnoreWires()...)
}

// sharing runs tests between the start and the end of the shared servers.
type sharing struct{ tests platform.Runner }

func (s sharing) Run() int {
	err := startServers(context.Background()) // TestMain has no context of its own
	code := 1
	if err == nil {
		code = s.tests.Run()
	}
	if err := errors.Join(err, removeServers()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func startServers(ctx context.Context) error {
	work := pool.New().WithErrors()
	work.Go(func() (err error) {
		// Nothing may take the server's local time for UTC, in which Odoo writes.
		primary, err = platform.StartPostgres(ctx, platform.PostgresOptions{
			MaxConnections: 200, Settings: map[string]string{"timezone": "Pacific/Auckland"},
		})
		if err == nil {
			replica, err = platform.StartReplica(ctx, primary, platform.PostgresOptions{})
		}
		return err
	})
	work.Go(func() (err error) {
		cache, err = platform.StartRedis(ctx, platform.RedisOptions{
			Settings: map[string]string{"maxmemory": "64mb", "maxmemory-policy": "volatile-lru"},
		})
		return err
	})
	work.Go(func() (err error) {
		alertmanager, err = platform.StartAlertmanager(ctx, platform.MonitorOptions{
			Config: "route: {receiver: nobody, group_by: [alertname, tenant]}\nreceivers: [{name: nobody}]\n",
		})
		return err
	})
	return work.Wait()
}

func removeServers() error {
	var errs []error
	if replica != nil {
		errs = append(errs, replica.Remove())
	}
	if primary != nil {
		errs = append(errs, primary.Remove())
	}
	if cache != nil {
		errs = append(errs, cache.Remove())
	}
	if alertmanager != nil {
		errs = append(errs, alertmanager.Remove())
	}
	return errors.Join(errs...)
}
