package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	promcollectors "github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
)

func serveCommand(k *kingpin.Application) command {
	c := k.Command("serve", "Visit all targets and tenants, serve metrics and pages, judge objectives and send alerts.\n\n"+
		"Example: wardround serve --config.file=/etc/wardround/wardround.yaml --storage.path=/var/lib/wardround")
	file, storage := configFlag(c), storageFlag(c)
	external := c.Flag("web.external-url", "The URL under which people reach the pages; alerts link to it.").String()
	listen := kingpinflag.AddFlags(&clauseFlags{c}, ":9797")
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		return serve(ctx, p, logger, listen, *file, *storage, *external)
	}}
}

// clauseFlags lets the web flags stand on the subcommand to which they belong.
type clauseFlags struct{ *kingpin.CmdClause }

func serve(ctx context.Context, p Process, logger *slog.Logger, listen *web.FlagConfig, file, storage, external string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if p.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // most of the memory lives from round to round: half as much again is room enough
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // from the start on: unheeded it would end the process
	defer signal.Stop(hangups)
	tracer, flush, err := newTracer(ctx, p.Getenv, logger)
	if err != nil {
		return err
	}
	defer flush()
	registry := prometheus.NewRegistry()
	registry.MustRegister(promcollectors.NewGoCollector(),
		promcollectors.NewProcessCollector(promcollectors.ProcessCollectorOpts{}), versioncollector.NewCollector("wardround"))
	// The app outlives the signal until its Stop: what is under way ends in order.
	a, err := app.New(context.WithoutCancel(ctx), app.Options{
		ConfigFile: file, StoragePath: storage, Version: version.Version, ExternalURL: external,
		Registry: registry, Tracer: tracer, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer a.Stop()
	if err := a.Start(); err != nil {
		return err
	}
	return listenUntil(ctx, a, listen, hangups, logger)
}

// shutdownTime is how long requests under way may take once the daemon is asked to stop.
const shutdownTime = 5 * time.Second

// listenUntil serves pages until ctx ends, and reads the configuration again at each hangup.
func listenUntil(ctx context.Context, a *app.App, listen *web.FlagConfig, hangups <-chan os.Signal, logger *slog.Logger) error {
	server := &http.Server{Handler: a.Handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	var running conc.WaitGroup
	defer running.Wait()
	running.Go(func() { failed <- web.ListenAndServe(server, listen, logger) })
	for {
		select {
		case <-hangups:
			_ = a.Reload() // it has said in log and metrics how it went
		case err := <-failed:
			return fmt.Errorf("serve pages: %w", err)
		case <-ctx.Done():
			logger.Info("stopping")
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
			defer cancel()
			if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("stop serving pages: %w", err)
			}
			return nil
		}
	}
}
