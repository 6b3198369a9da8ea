// Command demo runs a small platform of real servers with Wardround watching it:
//
//	go run ./testdata/demo up      start everything, seed tenants, print where to look
//	go run ./testdata/demo status  say what runs
//	go run ./testdata/demo down    end everything and check that nothing is left
//
// The data's way: tenants.go says who is well and who is not; up.go starts
// PostgreSQL with a standby, PgBouncer (pooler.go), Redis, Alertmanager,
// Prometheus and bin/wardround as detached processes, each in a folder of its own
// below .demo, with the configuration in files/; backups.go dumps the tenants;
// reports.go tells Wardround of a release and rehearses a restore. odoo.go is one
// more such process, in which the stand-in for Odoo answers, with certificates of
// certificates.go, and its crew works. Every pid stands in a pid file.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return 0
}

func execute(ctx context.Context, args []string) error {
	app := kingpin.New("demo", "A platform of real servers with Wardround watching it.")
	var s stage
	app.Flag("dir", "Folder for everything the demo writes.").Default(".demo").StringVar(&s.dir)
	app.Flag("port-base", "First of the thousand ports from which the demo takes its own.").Default("19000").IntVar(&s.base)
	up := app.Command("up", "Start everything and print where to look.")
	up.Flag("wardround", "The built binary.").Default("bin/wardround").StringVar(&s.wardround)
	app.Command("down", "End everything and check that nothing is left.")
	app.Command("status", "Say what runs.")
	app.Command("odoo", "The stand-in for Odoo; started by up.").Hidden()
	command, err := app.Parse(args)
	if err != nil {
		return err
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return fmt.Errorf("folder of the demo: %w", err)
	}
	switch command {
	case "up":
		return s.up(ctx, os.Stdout)
	case "down":
		return s.down(os.Stdout)
	case "status":
		return s.status(os.Stdout)
	default:
		return s.odoo(ctx)
	}
}
