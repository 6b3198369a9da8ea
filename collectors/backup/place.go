package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Terms are what a tenant's tier promises; zero where it promises nothing.
type Terms struct {
	RPO       time.Duration // how much work may be lost
	RTO       time.Duration // how long a recovery may take
	Rehearsal time.Duration // how often a restore must be rehearsed
}

// Options is what a place needs to know beside its configuration.
type Options struct {
	Tenants *collectors.Registry                 // whose backups are looked for
	Terms   func(tenant collectors.Tenant) Terms // of the tenant's tier
	Memory  *Memory                              // one for all places
}

func (o Options) validate() error {
	switch {
	case o.Tenants == nil:
		return errors.New("backup: Tenants is required")
	case o.Terms == nil:
		return errors.New("backup: Terms is required")
	case o.Memory == nil:
		return errors.New("backup: Memory is required")
	}
	return nil
}

// reader reads one kind of place. It is asked by one visit at a time.
type reader interface {
	read(ctx context.Context, now time.Time) (Reading, error)
	close()
}

// Place is one place where backups are kept, as a collectors.Collector.
type Place struct {
	config  Config
	options Options

	asking sync.Mutex // held during a visit and by Close
	reader reader
	closed bool
}

// New prepares the visits to a place; it reads nothing yet. The configuration must be valid.
func New(c Config, o Options) (*Place, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &Place{config: c, options: o}
	var err error
	switch {
	case c.PgBackRest != nil:
		p.reader = newPgBackRest(*c.PgBackRest)
	case c.Barman != nil:
		p.reader = newBarman(*c.Barman)
	case c.WALG != nil:
		p.reader, err = newWALG(*c.WALG)
	case c.Dumps != nil:
		p.reader, err = newDumps(*c.Dumps, p.tenants)
	case c.Filestore != nil:
		p.reader, err = newFilestore(*c.Filestore, p.tenants)
	case c.CNPG != nil:
		p.reader, err = newCNPG(*c.CNPG, time.Duration(c.Timeout))
	case c.Velero != nil:
		p.reader, err = newVelero(*c.Velero, time.Duration(c.Timeout), p.tenants)
	default:
		err = errors.New("backup: the configuration names no kind of place")
	}
	if err != nil {
		return nil, err
	}
	o.Memory.register(p)
	return p, nil
}

// Close ends what the place keeps open, after a visit under way; visits that follow fail.
func (p *Place) Close() {
	p.asking.Lock()
	defer p.asking.Unlock()
	if !p.closed {
		p.closed = true
		p.reader.close()
		p.options.Memory.forget(p)
	}
}

// Visit is the place's own, slow, place in the rounds.
func (p *Place) Visit() collectors.Visit {
	return collectors.Visit{
		Key:       collectors.Key{Collector: collectorName, Target: p.config.Name},
		Collector: p, Interval: time.Duration(p.config.Interval), Timeout: time.Duration(p.config.Timeout),
	}
}

const collectorName = "backup"

// Cluster is the PostgreSQL target whose tenants are kept here; "" means all.
func (c Config) Cluster() string {
	switch {
	case c.PgBackRest != nil:
		return c.PgBackRest.Postgres
	case c.Barman != nil:
		return c.Barman.Postgres
	case c.WALG != nil:
		return c.WALG.Postgres
	case c.Dumps != nil:
		return c.Dumps.Postgres
	case c.Filestore != nil:
		return c.Filestore.Postgres
	case c.CNPG != nil:
		return c.CNPG.Postgres
	case c.Velero != nil:
		return c.Velero.Postgres
	}
	return ""
}

// databases says whether databases are kept here, and not the attachments alone.
func (c Config) databases() bool {
	return c.Filestore == nil && (c.Velero == nil || c.Velero.Databases)
}

// keeps says whether a tenant's backups belong here.
func (p *Place) keeps(tenant collectors.Tenant) bool {
	postgres := p.config.Cluster()
	return (postgres == "" || tenant.Postgres == postgres) &&
		(len(p.config.Tiers) == 0 || slices.Contains(p.config.Tiers, tenant.Tier))
}

// tenants are all tenants, and which of them are kept here.
func (p *Place) tenants() (*collectors.Tenants, func(collectors.Tenant) bool) {
	return p.options.Tenants.Current(), p.keeps
}

// Collect reads the place. Of one that cannot be read it says so.
func (p *Place) Collect(ctx context.Context, b *collectors.Builder) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	if p.closed {
		return errors.New("the place is no longer watched")
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("read place: %w", err)
	}
	reading, err := p.reader.read(ctx, b.At())
	if err != nil {
		b.Set(metricUp, 0)
		b.Find(unreadable(p.config.Name, collectors.ReasonOf(err)))
		return err
	}
	if reading.AsOf.IsZero() {
		reading.AsOf = b.At()
	}
	p.emit(b, reading)
	p.options.Memory.remember(p, reading)
	return nil
}
