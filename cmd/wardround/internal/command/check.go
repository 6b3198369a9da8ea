package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
)

// checkClause is the parent of the check commands, made by the first that needs it.
func checkClause(k *kingpin.Application) *kingpin.CmdClause {
	if c := k.GetCommand("check"); c != nil {
		return c
	}
	return k.Command("check", "Check a configuration, or what it reaches.")
}

func checkConfigCommand(k *kingpin.Application) command {
	c := checkClause(k).Command("config", "Read the configuration and the objectives and say what is wrong with them, with their places.\n\n"+
		"Example: wardround check config --config.file=wardround.yaml")
	file := configFlag(c)
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		conf, err := config.Load(*file)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "%s is good: %s targets; %d tenants listed, %d patterns, %d sql indicators, %d objectives\n",
			*file, conf.Summary(), len(conf.Listed), len(conf.Discovery), len(conf.SQL), len(conf.Objectives))
		return nil
	}}
}

func checkConnectCommand(k *kingpin.Application) command {
	c := checkClause(k).Command("connect", "Visit every target and tenant once, say what could not be read and which SQL grants what is missing.\n\n"+
		"Example: wardround check connect --config.file=wardround.yaml")
	file := configFlag(c)
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		found, err := app.Examine(ctx, *file, logger)
		if err != nil {
			return err
		}
		return tell(p, found)
	}}
}

// tell prints a line for each visit, then what is missing and the SQL that grants it.
func tell(p Process, e app.Examination) error {
	for _, v := range e.Visits {
		switch {
		case v.Err != nil:
			fmt.Fprintf(p.Stdout, "FAILED   %s: %s: %v\n", v.Key, collectors.ReasonOf(v.Err), v.Err)
		case len(v.Unavailable) > 0:
			fmt.Fprintf(p.Stdout, "PARTIAL  %s: %d samples\n", v.Key, v.Samples)
		default:
			fmt.Fprintf(p.Stdout, "OK       %s: %d samples\n", v.Key, v.Samples)
		}
		for _, u := range v.Unavailable {
			fmt.Fprintf(p.Stdout, "         %s is unavailable: %s\n", u.Indicator, u.Reason)
		}
	}
	for _, problem := range e.Problems {
		fmt.Fprintf(p.Stdout, "\n-- %s:\n", problem.Where)
		for _, what := range problem.What {
			fmt.Fprintf(p.Stdout, "--   %s\n", what)
		}
		fmt.Fprintln(p.Stdout, problem.SQL)
	}
	if e.Failed() || len(e.Problems) > 0 {
		return errSaid
	}
	return nil
}

func onceCommand(k *kingpin.Application) command {
	c := k.Command("once", "Make one round and print what it found in the exposition format. The exit code is 0 only if every visit went well.\n\n"+
		"Example: wardround once --config.file=wardround.yaml | promtool check metrics")
	file := configFlag(c)
	return command{c, func(ctx context.Context, p Process, logger *slog.Logger) error {
		survey, err := app.Look(ctx, *file, logger)
		if err != nil {
			return err
		}
		if err := survey.WriteText(p.Stdout); err != nil {
			return fmt.Errorf("print the metrics: %w", err)
		}
		var errs []error
		for _, v := range survey.Visits {
			if v.Err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", v.Key, v.Err))
			}
		}
		return errors.Join(errs...)
	}}
}
