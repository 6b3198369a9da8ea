package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/slo/openslo"
)

func openSLOClause(k *kingpin.Application) *kingpin.CmdClause {
	if c := k.GetCommand("openslo"); c != nil {
		return c
	}
	return k.Command("openslo", "Objectives as OpenSLO documents, in and out.")
}

func openSLOImportCommand(k *kingpin.Application) command {
	c := openSLOClause(k).Command("import", "Read OpenSLO documents and print them as objectives of Wardround. What could be read otherwise is said.\n\n"+
		"Example: wardround openslo import slos.yaml > objectives/imported.yaml")
	names := c.Arg("file", "Files of OpenSLO documents, YAML or JSON, that may refer to each other.").Required().ExistingFiles()
	policies := c.Flag("policies", "Print the alert policies that the documents bring instead, for objectives.policies.").Bool()
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		var files []openslo.File
		for _, name := range *names {
			data, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("read documents: %w", err)
			}
			files = append(files, openslo.File{Name: name, Data: data})
		}
		result, err := openslo.Read(files)
		for _, w := range result.Warnings {
			fmt.Fprintf(p.Stderr, "%s\n", w)
		}
		switch {
		case err != nil:
			fmt.Fprintln(p.Stderr, err)
			return errSaid
		case *policies:
			return openslo.WriteNativePolicies(p.Stdout, result.Policies)
		case len(result.Policies) > 0:
			fmt.Fprintf(p.Stderr, "%d alert policies come with them: run this again with --policies and name the file under objectives.policies\n", len(result.Policies))
		}
		return openslo.WriteNative(p.Stdout, result.Objectives)
	}}
}

func openSLOExportCommand(k *kingpin.Application) command {
	c := openSLOClause(k).Command("export", "Print the objectives of a configuration as OpenSLO documents, version openslo/v1.\n\n"+
		"Example: wardround openslo export --config.file=wardround.yaml > slos.yaml")
	file := configFlag(c)
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		conf, err := config.Load(*file)
		if err != nil {
			return err
		}
		return openslo.Write(p.Stdout, conf.Objectives)
	}}
}
