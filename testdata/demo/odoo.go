package main

import (
	"context"
	"crypto/tls"
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
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/testdata/odoo"
)

// odoo is the process in which the stand-in answers, with certificates and without, and its crew
// works, until ctx ends.
func (s stage) odoo(ctx context.Context) error {
	password, err := s.secret("postgres")
	if err != nil {
		return err
	}
	dsn := func(port int, database string) string {
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword(odoo.Owner, password), Host: s.addr(port),
			Path: "/" + database, RawQuery: "sslmode=disable",
		}
		return u.String()
	}
	direct := func(database string) string { return dsn(primaryPort, database) }
	standIn, err := newStandIn(direct)
	if err != nil {
		return err
	}
	var work conc.WaitGroup
	defer work.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	work.Go(func() { newCrew(direct, log).Run(ctx) })
	for _, p := range ward() {
		if p.crowded {
			work.Go(func() { crowd(ctx, dsn(poolerPort, p.database), log) })
		}
	}
	return s.answer(ctx, standIn)
}

// answer serves visitors at both ports until ctx ends.
func (s stage) answer(ctx context.Context, handler http.Handler) error {
	known, err := certificates(s.path("odoo", authorityFile))
	if err != nil {
		return err
	}
	var spoken http.Protocols
	spoken.SetHTTP1(true) // as Odoo does
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, Protocols: &spoken,
		BaseContext: func(net.Listener) context.Context { return ctx }, // hung requests end with us
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return known[hello.ServerName], nil
			},
		},
	}
	var config net.ListenConfig
	plain, err := config.Listen(ctx, "tcp", s.addr(odooPort))
	if err != nil {
		return fmt.Errorf("listen for visitors: %w", err)
	}
	encrypted, err := config.Listen(ctx, "tcp", s.addr(odooTLSPort))
	if err != nil {
		return fmt.Errorf("listen for visitors: %w", err)
	}
	answering := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	answering.Go(func(context.Context) error { return server.Serve(plain) })
	answering.Go(func(context.Context) error { return server.ServeTLS(encrypted, "", "") })
	answering.Go(func(ctx context.Context) error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		return server.Shutdown(stopping)
	})
	if err := answering.Wait(); !errors.Is(err, http.ErrServerClosed) {
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
