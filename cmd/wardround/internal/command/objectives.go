package command

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/app"
	"github.com/wardround/wardround/cmd/wardround/internal/config"
)

func checkObjectivesCommand(k *kingpin.Application) command {
	c := checkClause(k).Command("objectives", "Explain each objective: what is promised, how much may fail, when its alerts come, and what is hardly meant.\n\n"+
		"Example: wardround check objectives --config.file=wardround.yaml login mail-on-time")
	file := configFlag(c)
	rate := c.Flag("events-per-minute", "How many events one tenant has in a minute, for objectives that count events; 0 if that is not known.").Default("0").Float64()
	strict := c.Flag("strict", "End with exit code 1 where something is hardly meant.").Bool()
	names := c.Arg("objective", "Names of objectives; all, if left out.").Strings()
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		conf, err := config.Load(*file)
		if err != nil {
			return err
		}
		all, err := app.Explain(conf, *names, *rate)
		if err != nil {
			return err
		}
		warnings := 0
		for i, x := range all {
			if i > 0 {
				fmt.Fprintln(p.Stdout)
			}
			fmt.Fprint(p.Stdout, x)
			warnings += len(x.Warnings)
		}
		fmt.Fprintf(p.Stdout, "\nobjectives: %d, warnings: %d\n", len(all), warnings)
		if *strict && warnings > 0 {
			return errSaid
		}
		return nil
	}}
}
