package backup

import (
	"time"

	"github.com/wardround/wardround/collectors"
)

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// emit writes what a reading says of the place, and of each tenant whose backups belong there.
func (p *Place) emit(b *collectors.Builder, r Reading) {
	b.Set(metricUp, 1)
	b.Set(metricCut, truth(r.Cut))
	b.Set(metricUnchecked, float64(r.Unchecked))
	if r.Running != nil {
		b.Set(metricRunning, truth(*r.Running))
	}
	if g := r.Guard; g != nil {
		b.Set(metricVersioning, truth(g.Versioned))
		b.Set(metricLockable, truth(g.Locked))
	}
	if !r.AsOf.Equal(b.At()) {
		b.Set(metricSaidAt, seconds(r.AsOf))
	}
	for _, m := range r.Missing {
		b.Unavailable(m.Indicator, collectors.ReasonOf(m.Err), m.Err)
	}
	if r.emit != nil {
		r.emit(b)
	}
	p.findPlace(b, r)
	for _, tenant := range p.options.Tenants.Current().All() {
		if p.keeps(tenant) {
			p.emitTenant(b, r, tenant)
		}
	}
}

// emitTenant writes what the place holds for one tenant.
func (p *Place) emitTenant(b *collectors.Builder, r Reading, tenant collectors.Tenant) {
	name := tenant.Name
	set, held := r.of(tenant)
	in, known := r.included(tenant)
	if known {
		b.SetFor(name, metricIncluded, truth(in))
	}
	if !held && r.Unchecked > 0 || tenant.Staging && !held {
		return // nothing is known yet, or nothing was promised
	}
	state := judge(set, b.At())
	if known && !in {
		state.Point = time.Time{}
	}
	state.emit(b, name)
	if set.Encrypted != nil {
		b.SetFor(name, metricEncrypted, truth(*set.Encrypted))
	}
	if p.config.Keep > 0 {
		b.SetFor(name, metricKeepAsk, float64(p.config.Keep))
	}
	if p.config.CopyOf != "" {
		p.emitCopy(b, tenant, state)
	}
	if !tenant.Staging {
		p.findTenant(b, tenant, state, known && !in)
	}
}

func (s State) emit(b *collectors.Builder, tenant string) {
	set := func(m *collectors.Metric, at time.Time, labels ...string) {
		if !at.IsZero() {
			b.SetFor(tenant, m, seconds(at), labels...)
		}
	}
	for kind, last := range s.Last {
		set(metricLast, last.Stop, string(kind))
		if last.Size > 0 {
			b.SetFor(tenant, metricSize, float64(last.Size), string(kind))
		}
		if !last.Start.IsZero() && !last.Start.After(last.Stop) {
			b.SetFor(tenant, metricDuration, last.Stop.Sub(last.Start).Seconds(), string(kind))
		}
		if s.Kept != nil {
			b.SetFor(tenant, metricKept, float64(s.Kept[kind]), string(kind))
		}
	}
	if !s.Attempt.Stop.IsZero() {
		set(metricAttempt, s.Attempt.Stop)
		b.SetFor(tenant, metricAttemptOK, truth(s.Attempt.Fault == ""))
		if s.Attempt.Fault != "" {
			b.SetFor(tenant, metricAttemptWhy, 1, string(s.Attempt.Fault))
		}
	}
	set(metricOldest, s.Oldest)
	set(metricArchived, s.Archived)
	if s.Latest.IsZero() {
		set(metricPoint, s.Point)
	}
	set(metricLocked, s.Newest.LockedUntil)
	if s.Ratio > 0 {
		b.SetFor(tenant, metricRatio, s.Ratio)
	}
}

// emitCopy compares a second copy with the place that it copies. While nothing is known of that
// one, nothing is said.
func (p *Place) emitCopy(b *collectors.Builder, tenant collectors.Tenant, state State) {
	b.SetFor(tenant.Name, metricCopyThere, truth(!state.Point.IsZero()), p.config.CopyOf)
	original, ok := p.options.Memory.state(p.config.CopyOf, tenant, b.At())
	if !ok || original.Point.IsZero() || state.Point.IsZero() || !original.Latest.IsZero() || !state.Latest.IsZero() {
		return
	}
	behind := max(0, original.Point.Sub(state.Point))
	b.SetFor(tenant.Name, metricCopyBehind, behind.Seconds(), p.config.CopyOf)
}
