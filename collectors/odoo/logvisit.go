package odoo

import (
	"net/url"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo/odoolog"
)

// logVisit is the visit to a service's log. It outlives the service when only other settings were
// changed: the counters go on.
type logVisit struct {
	*odoolog.Reader
	key     collectors.Key
	config  odoolog.Config
	tenants *atomic.Pointer[map[string]string] // by database, as of the last planning
	owners  *atomic.Int32                      // services that hold the reader
}

// newLogVisit returns the visit, nil where no log is read.
func newLogVisit(c Config, o Options) (*logVisit, error) {
	if c.Log.Path == "" {
		return nil, nil
	}
	if p := o.Previous; p != nil && p.log != nil && p.log.key.Target == c.Name && p.log.config.Path == c.Log.Path &&
		slices.Equal(p.log.config.Loggers, c.Log.Loggers) {
		p.log.owners.Add(1)
		return p.log, nil
	}
	v := &logVisit{
		key: collectors.Key{Collector: "odoo_log", Target: c.Name}, config: c.Log,
		tenants: &atomic.Pointer[map[string]string]{}, owners: &atomic.Int32{},
	}
	v.owners.Store(1)
	options := odoolog.Options{Tenant: v.tenant}
	if o.StateDir != "" {
		options.StatePath = filepath.Join(o.StateDir, "odoo-log-"+url.PathEscape(c.Name)+".json")
	}
	var err error
	v.Reader, err = odoolog.New(c.Log, options)
	return v, err
}

func (v *logVisit) tenant(database string) string {
	if by := v.tenants.Load(); by != nil {
		return (*by)[database]
	}
	return ""
}

func (v *logVisit) visits(served []collectors.Tenant) []collectors.Visit {
	if v == nil {
		return nil
	}
	by := make(map[string]string, len(served))
	for _, t := range served {
		by[t.Database] = t.Name
	}
	v.tenants.Store(&by)
	return []collectors.Visit{{Key: v.key, Collector: v}}
}

func (v *logVisit) close() {
	if v != nil && v.owners.Add(-1) == 0 {
		v.Close()
	}
}
