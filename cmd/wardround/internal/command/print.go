package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/dashboards"
	"github.com/wardround/wardround/rules"
)

func versionCommand(k *kingpin.Application) command {
	c := k.Command("version", "Print the version.")
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		_, err := fmt.Fprintln(p.Stdout, version.Print("wardround"))
		return err
	}}
}

func grantsCommand(k *kingpin.Application) command {
	c := k.Command("grants", "Print the SQL that gives a role just what visits need: for a tenant's database, or with --cluster the part that is run once per cluster. With --redis print the ACL rule for a Redis instead.\n\n"+
		"Example: wardround grants | psql --dbname=tenant_north")
	role := c.Flag("role", "The role that Wardround connects as.").Default("wardround").String()
	cluster := c.Flag("cluster", "Print the part for the cluster: the role itself.").Bool()
	target := c.Flag("redis", "Print what this Redis target of the configuration file needs; put a password in it.").PlaceHolder("NAME").String()
	file := configFlag(c)
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		grants, err := odoo.Grants(*role), error(nil)
		switch {
		case *target != "":
			grants, err = redisGrants(*file, *target)
		case *cluster:
			grants, err = postgres.Grants(*role)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(p.Stdout, grants)
		return err
	}}
}

// redisGrants is the command that makes the user whom a configured Redis target logs in as.
func redisGrants(file, target string) (string, error) {
	conf, err := config.Load(file)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range conf.Targets.Redis {
		if c.Name == target {
			return redis.Grants(c) + "\n", nil
		}
		names = append(names, c.Name)
	}
	return "", fmt.Errorf("there is no Redis target %q; there are: %s", target, strings.Join(names, ", "))
}

func rulesCommand(k *kingpin.Application) command {
	c := k.Command("rules", "Write Prometheus rule files for the objectives, each with its promtool test, for those who evaluate them in Prometheus.\n\n"+
		"Example: wardround rules --config.file=wardround.yaml --dir=/etc/prometheus/rules")
	file := configFlag(c)
	dir := c.Flag("dir", "Where to write.").Default(".").String()
	source := c.Flag("source", "What the rules stand on: the slo_* series of the daemon, or the raw series of the indicators.").
		Default(string(rules.FromDaemon)).Enum(string(rules.FromDaemon), string(rules.FromSeries))
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		conf, err := config.Load(*file)
		if err != nil {
			return err
		}
		files, err := rules.Generate(conf.Objectives, rules.Options{Source: rules.Source(*source)})
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			return fmt.Errorf("make the directory: %w", err)
		}
		for _, f := range files {
			if err := writeFile(p, filepath.Join(*dir, f.Name), f.Content); err != nil {
				return err
			}
		}
		return nil
	}}
}

func writeFile(p Process, path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err := fmt.Fprintln(p.Stdout, path)
	return err
}

func dashboardsCommand(k *kingpin.Application) command {
	c := k.Command("dashboards", "Write the Grafana dashboards as JSON.\n\nExample: wardround dashboards --dir=/var/lib/grafana/dashboards")
	dir := c.Flag("dir", "Where to write.").Default(".").String()
	return command{c, func(_ context.Context, p Process, _ *slog.Logger) error {
		files, err := dashboards.Write(*dir)
		for _, f := range files {
			fmt.Fprintln(p.Stdout, f)
		}
		return err
	}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
