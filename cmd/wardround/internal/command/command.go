// Package command is the command line: one file for each subcommand, each of which reads its
// flags, calls the package that does the work, and turns its error into an exit code.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors/redis"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // something did not work
	exitInvalid = 2 // the command line or the configuration is wrong
)

// Process is what a run has of its surroundings.
type Process struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// command is one subcommand: its flags are declared when it is made, run is called if it was chosen.
type command struct {
	clause *kingpin.CmdClause
	run    func(ctx context.Context, p Process, logger *slog.Logger) error
}

// exit is panicked by the parser where it has printed help and there is nothing left to do.
type exit int

// Run runs one command and returns the exit code.
func Run(p Process) (code int) {
	defer func() {
		if r := recover(); r != nil {
			wanted, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(wanted)
		}
	}()
	redis.Quiet()
	app := kingpin.New("wardround", "Prometheus exporter and SLO daemon for multi-tenant Odoo platforms.")
	app.UsageWriter(p.Stdout).ErrorWriter(p.Stderr).Terminate(func(code int) { panic(exit(code)) })
	app.Version(version.Print("wardround"))
	app.HelpFlag.Short('h')
	var log promslog.Config
	log.Writer = p.Stderr
	promslogflag.AddFlags(app, &log)
	commands := []command{
		serveCommand(app), checkConfigCommand(app), onceCommand(app), grantsCommand(app),
		rulesCommand(app), dashboardsCommand(app), reportCommand(app), versionCommand(app),
	}
	commands = append(commands, checkConnectCommand(app), checkObjectivesCommand(app),
		ledgerShowCommand(app), ledgerExportCommand(app), ledgerCheckCommand(app), ledgerCompactCommand(app),
		backfillCommand(app), simulateCommand(app), openSLOImportCommand(app), openSLOExportCommand(app), evidenceVerifyCommand(app), rehearseCommand(app))
	chosen, err := app.Parse(p.Args)
	if err != nil {
		fmt.Fprintf(p.Stderr, "wardround: %v; `wardround --help` lists commands and flags\n", err)
		return exitInvalid
	}
	for _, c := range commands {
		if c.clause.FullCommand() == chosen {
			return report(p, c.run(context.Background(), p, promslog.New(&log)))
		}
	}
	return exitInvalid
}

// errSaid is returned by commands that have said themselves what did not work.
var errSaid = errors.New("said")

func report(p Process, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case config.IsInvalid(err):
		fmt.Fprintln(p.Stderr, err)
		return exitInvalid
	}
	fmt.Fprintf(p.Stderr, "wardround: %v\n", err)
	return exitFailed
}

// configFlag is the flag that most commands share.
func configFlag(c *kingpin.CmdClause) *string {
	return c.Flag("config.file", "The configuration file.").Default("wardround.yaml").String()
}

// storageFlag is where the daemon's long-lived state is.
func storageFlag(c *kingpin.CmdClause) *string {
	return c.Flag("storage.path", "Directory of the ledger and the alert state.").Default("data").String()
}
