package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/wardround/wardround/testdata/platform"
)

// rival is an exporter that can be started on a stage.
type rival struct {
	name     string
	path     string
	ready    string                        // HTTP path that answers once it is up
	arrange  func(*stage) (setting, error) // writes its configuration
	crons    string                        // beginning of a series that each tenant has whose scheduled tasks were read
	idle     time.Duration                 // how long it is watched while nothing happens
	troubles []trouble                     // its bad days
	visits   string                        // beginning of the counters of visits to tenants; "" for those who always ask all
	// Whether a page tells that the role may open too few connections, or that a table of the
	// locked tenant cannot be read.
	limitShown, lockShown func(*page) bool
}

// rivals are all exporters, in the order in which they take their turns.
func rivals(p plan) []*rival { return []*rival{wardround(p), postgresExporter(p), sqlExporter(p)} }

// setting is how one exporter is started.
type setting struct{ args, env []string }

// start runs the rival at a free port until the server is removed.
func (r *rival) start(ctx context.Context, s *stage) (*platform.Server, error) {
	port, err := platform.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.path); err != nil {
		return nil, fmt.Errorf("%s is not there; build Wardround, and install what testdata/bench/PACKAGES lists: %w", r.path, err)
	}
	set, err := r.arrange(s)
	if err != nil {
		return nil, fmt.Errorf("arrange %s: %w", r.name, err)
	}
	return platform.StartProgram(ctx, platform.Program{
		Place: platform.Place{Port: port}, Name: r.name, Path: r.path, Ready: r.ready, Within: time.Minute, Env: set.env,
		Args: append(set.args, "--web.listen-address="+net.JoinHostPort("127.0.0.1", strconv.Itoa(port))),
	})
}

const wardroundName = "wardround"

func wardround(p plan) *rival {
	return &rival{
		name: wardroundName, path: p.wardround, ready: "/-/healthy", crons: `odoo_crons{`,
		visits: "wardround_collector_visits_total{",
		idle:   p.steady, troubles: []trouble{{limit: fewest, lock: true, lasts: aRound}},
		arrange: func(s *stage) (setting, error) {
			file, err := s.write("wardround.yaml", ourConfig(s))
			return setting{args: []string{"serve", "--config.file=" + file, "--storage.path=" + s.path("data")}}, err
		},
		limitShown: func(b *page) bool { return b.has("pg_roles_connection_limit{", `rolname="`+role+`"} 5`) },
		lockShown: func(b *page) bool {
			return b.has("wardround_indicator_unavailable{", `tenant="`+tenant(locked)+`"`, `indicator="crons"`)
		},
	}
}

// ourConfig is what an operator would write for this platform; only the pages of Odoo are left
// out, which the others do not look at either.
func ourConfig(s *stage) any {
	type m = map[string]any
	return m{
		"rounds":  m{"interval": "60s"},
		"tiers":   m{"shared": m{"rpo": "24h", "rto": "8h", "restore_rehearsal": "90d"}},
		"tenants": m{"discover": []any{m{"postgres": "main", "databases": "^(?P<tenant>tenant_[0-9]+)$", "tier": "shared"}}},
		"targets": m{
			"postgres": []any{m{
				"name": "main", "password_file": s.path("password"),
				"dsn": "postgres://" + role + "@" + s.primary.Addr() + "/postgres?sslmode=disable",
			}},
			"odoo": []any{m{
				"name": "web", "jobs": m{"channels": m{"root": 4, "root.invoice": 1}},
				"expected_base_version": m{"17.0": "17.0.1.3", "18.0": "18.0.1.3"},
			}},
		},
	}
}

func postgresExporter(p plan) *rival {
	return &rival{
		name: "postgres_exporter", path: "/usr/bin/prometheus-postgres-exporter", ready: "/", crons: "odoo_cron_active{",
		idle: max(p.steady/2, interval), troubles: []trouble{{limit: fewest, lasts: aWhile}, {lock: true, lasts: aWhile}},
		arrange: func(s *stage) (setting, error) {
			all, err := queries()
			if err != nil {
				return setting{}, err
			}
			file, err := s.write("queries.yaml", forPostgresExporter(all))
			return setting{
				args: []string{"--auto-discover-databases", "--extend.query-path=" + file, "--log.level=error"},
				// It knows URLs by the longer of their two schemes only.
				env: []string{"DATA_SOURCE_NAME=" + strings.Replace(s.primary.DSN(role, ""), "postgres:", "postgresql:", 1)},
			}, err
		},
		limitShown: func(b *page) bool { return b.has("pg_exporter_last_scrape_error ", " 1") },
		lockShown:  func(b *page) bool { return b.has("pg_exporter_user_queries_load_error{", "} 1") },
	}
}

func sqlExporter(p plan) *rival {
	return &rival{
		name: "sql_exporter", path: "/usr/bin/prometheus-sql-exporter", ready: "/metrics", crons: `sql_odoo_cron{col="active"`,
		idle: max(p.steady/2, interval), troubles: []trouble{{limit: fewest, lasts: aWhile}, {lock: true, lasts: aWhile}},
		arrange: func(s *stage) (setting, error) {
			all, err := queries()
			if err != nil {
				return setting{}, err
			}
			file, err := s.write("sql_exporter.yaml", forSQLExporter(s, all))
			return setting{args: []string{"--config.file=" + file}}, err
		},
		limitShown: func(b *page) bool { return b.has("sql_exporter_last_scrape_failed{", "} 1") },
		lockShown: func(b *page) bool {
			return b.has("sql_exporter_last_scrape_failed{", `database="`+tenant(locked)+`"`, "} 1")
		},
	}
}

//go:embed queries.yaml
var queriesFile []byte

// query is one question that general exporters ask each database.
type query struct {
	Name   string
	Help   string
	Labels []string // beside the database's name
	Values []string
	SQL    string
}

func queries() ([]query, error) {
	var all []query
	if err := yaml.Unmarshal(queriesFile, &all); err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	return all, nil
}

func forPostgresExporter(all []query) any {
	type m = map[string]any
	file := m{}
	for _, q := range all {
		var columns []any
		for _, l := range append([]string{"datname"}, q.Labels...) {
			columns = append(columns, m{l: m{"usage": "LABEL", "description": l}})
		}
		for _, v := range q.Values {
			columns = append(columns, m{v: m{"usage": "GAUGE", "description": q.Help}})
		}
		file[q.Name] = m{"query": q.SQL, "metrics": columns}
	}
	return file
}

func forSQLExporter(s *stage, all []query) any {
	type m = map[string]any
	var connections []string
	for n := range s.databases {
		connections = append(connections, s.primary.DSN(role, tenant(n)))
	}
	var list []any
	for _, q := range all {
		list = append(list, m{
			"name": q.Name, "help": q.Help, "labels": append([]string{"datname"}, q.Labels...), "values": q.Values, "query": q.SQL,
		})
	}
	return m{"jobs": []any{m{"name": "odoo", "interval": "1m", "connections": connections, "queries": list}}}
}

// write puts a configuration into the stage's folder.
func (s *stage) write(name string, content any) (string, error) {
	text, err := yaml.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return s.path(name), nil
}
