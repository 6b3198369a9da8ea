package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// role is whom Wardround logs in as.
const role = "wardround"

// up starts everything in a fresh folder and says where to look. What it started
// it ends again when something fails or ctx ends.
func (s *stage) up(ctx context.Context, out io.Writer) error {
	var err error
	if s.wardround, err = filepath.Abs(s.wardround); err != nil {
		return fmt.Errorf("path of the binary: %w", err)
	}
	if err := s.vacant(ctx); err != nil {
		return err
	}
	if err := s.clear(); err != nil {
		return err
	}
	began := time.Now()
	if err := s.start(ctx, out); err != nil {
		return errors.Join(err, s.down(io.Discard))
	}
	say(out, "up after %s\n", time.Since(began).Round(100*time.Millisecond))
	s.whereToLook(out)
	return nil
}

func (s *stage) start(ctx context.Context, out io.Writer) error {
	began := time.Now()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"PostgreSQL with fourteen tenants and a standby", s.databases},
		{"PgBouncer, Redis, Alertmanager and Prometheus", s.services},
		{"dumps of the tenants, and a second place for them", s.backups},
		{"the stand-in for Odoo", s.standIn},
		{"Wardround", s.watcher},
		{"reports of a release and of a rehearsed restore", s.reports},
	} {
		say(out, "%4.0fs  %s\n", time.Since(began).Seconds(), step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("start %s: %w", step.what, err)
		}
	}
	return s.rehearse(ctx, out)
}

// clear removes what an earlier demo left. It refuses a folder that no demo made.
func (s *stage) clear() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look into the folder of the demo: %w", err)
	}
	if _, err := os.Stat(s.path("secrets")); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s holds something that is not a demo; name another folder with --dir", s.dir)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove the last demo: %w", err)
	}
	if err := os.MkdirAll(s.path("data"), 0o755); err != nil {
		return fmt.Errorf("make folder of the demo: %w", err)
	}
	return nil
}

// databases starts the primary with all tenants, and the standby.
func (s *stage) databases(ctx context.Context) error {
	password, err := s.secret("postgres")
	if err != nil {
		return err
	}
	s.primary, err = platform.StartPostgres(ctx, platform.PostgresOptions{
		Place: s.place("primary", primaryPort), MaxConnections: 100, Password: password,
	})
	if err != nil {
		return err
	}
	if err := s.watcherRole(ctx); err != nil {
		return err
	}
	grants, err := s.grants(ctx)
	if err != nil {
		return err
	}
	seeding := pool.New().WithMaxGoroutines(4).WithContext(ctx).WithCancelOnError()
	for _, p := range ward() {
		seeding.Go(func(ctx context.Context) error {
			if err := odoo.Seed(ctx, s.primary, p.database, p.series, p.troubles...); err != nil {
				return err
			}
			return s.primary.Exec(ctx, p.database, p.furnish()+grants)
		})
	}
	if err := seeding.Wait(); err != nil {
		return err
	}
	_, err = platform.StartReplica(ctx, s.primary, platform.PostgresOptions{Place: s.place("replica", replicaPort)})
	return err
}

// watcherRole makes Wardround's role as Wardround itself says that it must be.
func (s *stage) watcherRole(ctx context.Context) error {
	password, err := s.secret(role)
	if err != nil {
		return err
	}
	cluster, err := s.grants(ctx, "--cluster")
	if err != nil {
		return err
	}
	if err := s.primary.Exec(ctx, "", cluster); err != nil {
		return fmt.Errorf("run `wardround grants --cluster`: %w", err)
	}
	return s.primary.Exec(ctx, "", fmt.Sprintf("ALTER ROLE %s LOGIN PASSWORD '%s'", pgx.Identifier{role}.Sanitize(), password))
}

// grants returns the SQL that `wardround grants` prints.
func (s *stage) grants(ctx context.Context, flags ...string) (string, error) {
	sql, err := output(exec.CommandContext(ctx, s.wardround, append([]string{"grants", "--role", role}, flags...)...))
	if err != nil {
		return "", fmt.Errorf("ask Wardround for its grants: %w", err)
	}
	return string(sql), nil
}

func (s *stage) services(ctx context.Context) error {
	if err := s.pooler(ctx); err != nil {
		return err
	}
	if _, err := platform.StartRedis(ctx, platform.RedisOptions{
		Place:    s.place("redis", redisPort),
		Settings: map[string]string{"maxmemory": "64mb", "maxmemory-policy": "volatile-lru"},
	}); err != nil {
		return err
	}
	alertmanager, err := s.fill("alertmanager.yml")
	if err != nil {
		return err
	}
	prometheus, err := s.fill("prometheus.yml.tmpl")
	if err != nil {
		return err
	}
	if _, err := platform.StartAlertmanager(ctx, platform.MonitorOptions{
		Place: s.place("alertmanager", alertmanagerPort), Config: alertmanager,
	}); err != nil {
		return err
	}
	_, err = platform.StartPrometheus(ctx, platform.MonitorOptions{
		Place: s.place("prometheus", prometheusPort), Config: prometheus,
	})
	return err
}

func (s *stage) standIn(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	_, err = platform.StartProgram(ctx, platform.Program{
		Place: s.place("odoo", odooPort), Name: "odoo", Path: self, Ready: "/web/health",
		Args: []string{"odoo", "--dir", s.dir, "--port-base", fmt.Sprint(s.base)},
	})
	return err
}

func (s *stage) watcher(ctx context.Context) error {
	for _, sender := range []string{releases, recoveryDesk} {
		if _, err := s.secret(sender); err != nil {
			return err
		}
	}
	config, err := s.fill("wardround.yaml.tmpl")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("wardround.yaml"), []byte(config), 0o644); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err = platform.StartProgram(ctx, platform.Program{
		Place: s.place(role, wardroundPort), Name: role, Path: s.wardround, Ready: "/-/ready",
		Within: time.Minute, // it is ready after its first round
		Args: []string{
			"serve", "--config.file=" + s.path("wardround.yaml"), "--storage.path=" + s.path("data"),
			"--web.external-url=http://" + s.addr(wardroundPort), "--web.listen-address=" + s.addr(wardroundPort),
		},
	})
	return err
}

func (s *stage) whereToLook(out io.Writer) {
	say(out, `
Where to look (troubles show within two minutes):
  status page    http://%[1]s/
  every visit    http://%[1]s/rounds
  metrics        http://%[1]s/metrics
  burn rates     http://%[2]s/graph?g0.expr=slo_burn_rate&g0.tab=0&g0.range_input=15m
  late crons     http://%[2]s/graph?g0.expr=time()+-+odoo_cron_oldest_overdue_timestamp_seconds+%%3E+0&g0.tab=1
  pool waits     http://%[2]s/graph?g0.expr=pgbouncer_pools_client_waiting_connections+%%3E+0&g0.tab=1
  own indicator  http://%[2]s/graph?g0.expr=sum+by+(state)+(clinic_invoices)&g0.tab=1
  alerts         http://%[3]s/api/v2/alerts
  configuration  %[4]s
  logs           %[5]s
Break more:      curl -X POST 'http://%[6]s/_stand-in/fault?tenant=tenant_alder&fault=hang'
End it:          make demo-stop
`, s.addr(wardroundPort), s.addr(prometheusPort), s.addr(alertmanagerPort),
		s.path("wardround.yaml"), s.path("*", "log"), s.addr(odooPort))
}
