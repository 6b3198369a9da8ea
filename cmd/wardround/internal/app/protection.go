package app

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
)

// protection is what is known of all backups and rehearsals together; it outlives reloads.
type protection struct {
	memory     *backup.Memory
	rehearsals *backup.Rehearsals // nil where nothing is kept
	terms      func(collectors.Tenant) backup.Terms
	all        *backup.Protection
	recording  sync.Mutex // held while one rehearsal is put on record
}

// rehearsalsFile is the record of rehearsals in the storage directory.
const rehearsalsFile = "rehearsals.json"

// newProtection begins with what the storage directory has on record; "" for nothing.
func newProtection(tenants *collectors.Registry, storage string, current func() *config.Config) (*protection, error) {
	p := &protection{memory: backup.NewMemory(), terms: func(t collectors.Tenant) backup.Terms {
		tier := current().Tiers[t.Tier]
		return backup.Terms{RPO: tier.RPO, RTO: tier.RTO, Rehearsal: tier.RestoreRehearsal}
	}}
	var err error
	if storage != "" {
		if p.rehearsals, err = backup.OpenRehearsals(filepath.Join(storage, rehearsalsFile)); err != nil {
			return nil, err
		}
	}
	p.all, err = backup.NewProtection(p.options(tenants), p.rehearsals)
	return p, err
}

func (p *protection) options(tenants *collectors.Registry) backup.Options {
	return backup.Options{Tenants: tenants, Terms: p.terms, Memory: p.memory}
}

// visits are those to what is known: where neither a place nor a record is there, nothing is.
func (p *protection) visits(c *config.Config) []collectors.Visit {
	if len(c.Backups) == 0 && (p.rehearsals == nil || !rehearsed(c)) {
		return nil
	}
	return []collectors.Visit{p.all.Visit()}
}

// rehearsed says whether any tier promises that restores are rehearsed.
func rehearsed(c *config.Config) bool {
	var promised time.Duration
	for _, tier := range c.Tiers {
		promised = max(promised, tier.RestoreRehearsal)
	}
	return promised > 0
}
