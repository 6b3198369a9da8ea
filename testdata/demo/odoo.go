package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sourcegraph/conc"

	"github.com/wardround/wardround/testdata/odoo"
)

// odoo is the process in which the stand-in answers and its crew works, until
// ctx ends.
func (s stage) odoo(ctx context.Context) error {
	password, err := s.secret("postgres")
	if err != nil {
		return err
	}
	dsn := func(database string) string {
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword(odoo.Owner, password), Host: s.addr(primaryPort),
			Path: "/" + database, RawQuery: "sslmode=disable",
		}
		return u.String()
	}
	standIn, err := newStandIn(dsn)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.addr(odooPort))
	if err != nil {
		return fmt.Errorf("listen for visitors: %w", err)
	}
	server := &http.Server{
		Handler: standIn, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }, // hung requests end with us
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var work conc.WaitGroup
	defer work.Wait()
	work.Go(func() { newCrew(dsn, log).Run(ctx) })
	work.Go(func() {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			log.Warn("visitors had to be cut off", "err", err)
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer visitors: %w", err)
	}
	return nil
}

func newStandIn(dsn func(string) string) (*odoo.Server, error) {
	o := odoo.ServerOptions{
		ColdStart: 700 * time.Millisecond,
		Connect: func(ctx context.Context, database string) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			conn, err := pgx.Connect(ctx, dsn(database))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	for _, p := range ward() {
		if !p.astray {
			o.Tenants = append(o.Tenants, odoo.Tenant{Database: p.database, Series: p.series, Hosts: []string{p.address()}})
		}
	}
	s, err := odoo.NewServer(o)
	if err != nil {
		return nil, err
	}
	for _, p := range ward() {
		s.SetFault(p.database, p.fault)
	}
	return s, nil
}

func newCrew(dsn func(string) string, log *slog.Logger) *odoo.Crew {
	o := odoo.CrewOptions{DSN: dsn, Every: 5 * time.Second, KeepAlive: 30 * time.Second, Log: log}
	for _, p := range ward() {
		o.Tenants = append(o.Tenants, odoo.CrewTenant{
			Database: p.database, Series: p.series,
			MailPiles: p.mailPiles, InvoicesPile: p.invoicesPile, NoRunner: p.noRunner,
		})
	}
	return odoo.NewCrew(o)
}
