package odoo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/collectortest"
	seeds "github.com/wardround/wardround/testdata/odoo"
)

// The suite that all collectors pass, on a tenant with canaries in every text and all troubles.
func TestDatabaseConforms(t *testing.T) {
	for _, series := range []seeds.Series{seeds.Series17, seeds.Series18} {
		t.Run(string(series), func(t *testing.T) {
			sick := seeded(t, series, seeds.OverdueCron, seeds.StuckJob, seeds.MailBacklog, seeds.ToUpgrade, seeds.BusinessBacklog, seeds.Canaries)
			fill := fmt.Sprintf(`UPDATE queue_job SET channel = '%[1]s' WHERE id %% 5 = 0; UPDATE mail_mail SET failure_type = '%[1]s' WHERE id %% 5 = 0;
				UPDATE ir_model_data SET name = '%[1]s ' || res_id WHERE res_id %% 2 = 0`, seeds.Canary)
			sick.exec(t, fill)
			sending := map[seeds.Series]string{seeds.Series17: "send_and_print_values", seeds.Series18: "sending_data"}[series]
			sick.exec(t, fmt.Sprintf(backToWork, seeds.Canary, sending))
			collectortest.Run(t, collectortest.Suite{
				Catalogue: Metrics(),
				Canaries:  []string{seeds.Canary},
				Want:      []string{"odoo_tenant_info", "odoo_crons", "odoo_jobs", "odoo_mails", "odoo_crons_blocked"},
				New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
					return visit(visiting(t, sick.name).Database)
				},
				Broken: map[string]collectortest.Broken{
					"no such database": {Reason: collectors.ReasonGone, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
						return visit(visiting(t, "tenant_of_nobody").Database)
					}},
					"hanging server": {Reason: collectors.ReasonTimeout, New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
						w := visiting(t, sick.name)
						require.NoError(t, server.Pause())
						t.Cleanup(func() { require.NoError(t, server.Resume()) })
						return visit(w.Database)
					}},
				},
			})
		})
	}
}

// backToWork gives some of the states of business work back what the canaries took.
const backToWork = `UPDATE account_edi_document SET blocking_level = 'error' WHERE id %% 2 = 1;
	UPDATE edi_exchange_record SET edi_exchange_state = CASE id WHEN 1 THEN 'input_receive_error' WHEN 2 THEN 'new' ELSE '%[1]s' END;
	UPDATE sale_order SET invoice_status = 'to invoice' WHERE id = 1; UPDATE calendar_event SET appointment_status = 'request' WHERE id %% 2 = 1;
	UPDATE account_move SET write_date = create_date, %[2]s = CASE id %% 3 WHEN 0 THEN '{"error": "%[1]s"}'::jsonb WHEN 1 THEN '{"%[1]s": 1}' END`

func visit(d *Database) collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: "odoo", Target: "main", Tenant: d.tenant}, Collector: d}
}

// What a statement stumbles over is in a row, and stays there.
func TestErrorsQuoteNoRow(t *testing.T) {
	w := seeded(t, seeds.Series17, seeds.MailBacklog)
	const value = "2026-19-39"
	w.exec(t, `ALTER TABLE mail_mail ALTER scheduled_date TYPE varchar; UPDATE mail_mail SET scheduled_date = '`+value+`'; `+Grants(role))
	options := collectors.DefaultOptions()
	options.Store = collectors.NewStore()
	rounds, err := collectors.NewRounds(t.Context(), options)
	require.NoError(t, err)
	defer rounds.Stop()
	v := visit(w.Database)
	v.Eager = true
	require.NoError(t, rounds.Set([]collectors.Visit{v}))
	<-rounds.Ready()
	notes := fmt.Sprint(rounds.Status()[0].Logs[0].Notes)
	require.Contains(t, notes, "22008")
	require.NotContains(t, notes, value)
}

// Whoever owns a tenant's database cannot make the monitor run code of theirs.
func TestPlantedOperatorsAreNotCalled(t *testing.T) {
	w := seeded(t, seeds.Series17)
	w.exec(t, `ALTER TABLE ir_cron ALTER numbercall TYPE varchar;
		CREATE FUNCTION public.spy(varchar, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
		CREATE OPERATOR public.= (FUNCTION = public.spy, LEFTARG = varchar, RIGHTARG = int)`)
	require.Equal(t, map[string]string{"crons": "missing"}, unavailable(w.collect(t)), "there is no such operator for us")
}

func TestLoginConforms(t *testing.T) {
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		Canaries:  []string{seeds.Canary},
		Want:      []string{"odoo_login_success", "odoo_login_checks_total", "odoo_login_duration_seconds"},
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			stand, err := seeds.NewServer(seeds.ServerOptions{
				Tenants: []seeds.Tenant{{Database: "tenant_north", Series: seeds.Series18, Hosts: []string{"north.example.test"}}},
				Connect: func(context.Context, string) error { return nil },
				Note:    seeds.Canary,
			})
			require.NoError(t, err)
			site := httptest.NewServer(stand)
			t.Cleanup(site.Close)
			return checking(t, site.URL, func(*Config) {})
		},
	})
}

func TestPlanConforms(t *testing.T) {
	collectortest.Run(t, collectortest.Suite{
		Catalogue: Metrics(),
		New: func(t *testing.T, _ *slog.Logger) collectors.Visit {
			target, err := New(site("http://127.0.0.1:1"), Options{})
			require.NoError(t, err)
			return target.Visits(nil)[0]
		},
	})
}

// An address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

var errDown = errors.New("the database is down")

const soon = 3 * time.Second
