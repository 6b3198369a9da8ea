package backup

import (
	"context"
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// ProtectionTarget is the target label of what all places and rehearsals mean together.
const ProtectionTarget = "all-places"

// Protection says of each tenant what it would lose now, whichever places are left, and whether
// its recovery was rehearsed. It asks nobody: it reads what the places last said.
type Protection struct {
	tenants    *collectors.Registry
	terms      func(collectors.Tenant) Terms
	memory     *Memory
	rehearsals *Rehearsals
}

// NewProtection returns the collector for all places of a Memory. Rehearsals may be nil where none
// are kept.
func NewProtection(o Options, rehearsals *Rehearsals) (*Protection, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Protection{o.Tenants, o.Terms, o.Memory, rehearsals}, nil
}

// Visit is its place in the rounds, at their own interval: it costs nothing to anybody.
func (p *Protection) Visit() collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: collectorName, Target: ProtectionTarget}, Collector: p}
}

// Collect writes what is known.
func (p *Protection) Collect(ctx context.Context, b *collectors.Builder) error {
	tenants := p.tenants.Current().All()
	promised := make([]string, 0, len(tenants))
	for _, tenant := range tenants {
		if !tenant.Staging {
			promised = append(promised, tenant.Name)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("sum up backups: %w", err)
	}
	if p.rehearsals != nil {
		if err := p.rehearsals.meet(promised, b.At()); err != nil {
			return err
		}
	}
	for _, tenant := range tenants {
		if tenant.Staging {
			continue
		}
		terms := p.terms(tenant)
		p.emitPoint(b, tenant, terms)
		if p.rehearsals != nil {
			p.emitRehearsal(b, tenant, terms)
		}
	}
	return nil
}

// emitPoint writes how much would be lost. Where no place was configured nobody asked.
func (p *Protection) emitPoint(b *collectors.Builder, tenant collectors.Tenant, terms Terms) {
	w := p.memory.whole(tenant, b.At())
	if terms.RPO > 0 {
		b.SetFor(tenant.Name, metricObjective, terms.RPO.Seconds())
	}
	if len(p.memory.Places()) == 0 {
		return
	}
	if w.known {
		b.SetFor(tenant.Name, metricPlaces, float64(w.places))
	}
	point, ok := w.told(terms, b.At())
	if !ok {
		return
	}
	if point.IsZero() {
		if terms.RPO > 0 {
			b.SetFor(tenant.Name, metricDue, seconds(dawn))
		}
		b.Find(collectors.Finding{
			Tenant: tenant.Name, Name: "tenant_unprotected", Question: collectors.Protected, Severity: collectors.Critical,
			Text: "No place holds a good backup of the tenant's database: all of it would be lost",
		})
		return
	}
	b.SetFor(tenant.Name, metricBest, seconds(point))
	if terms.RPO == 0 {
		return
	}
	b.SetFor(tenant.Name, metricDue, seconds(point.Add(terms.RPO)))
	if lost := b.At().Sub(point); lost > terms.RPO {
		b.Find(collectors.Finding{
			Tenant: tenant.Name, Name: "recovery_point_exceeded", Question: collectors.Protected, Severity: collectors.Critical,
			Text: fmt.Sprintf("The work of the last %s would be lost now; the tier allows %s", span(lost), span(terms.RPO)),
		})
	}
}

// dawn is since when a tenant without any backup has been due for one.
var dawn = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *Protection) emitRehearsal(b *collectors.Builder, tenant collectors.Tenant, terms Terms) {
	last, good := p.rehearsals.Last(tenant.Name)
	if terms.RTO > 0 {
		b.SetFor(tenant.Name, metricTimeObjective, terms.RTO.Seconds())
	}
	if last.Tenant != "" {
		b.SetFor(tenant.Name, metricRehearsed, seconds(last.Started))
		b.SetFor(tenant.Name, metricRehearsalOK, truth(last.Success))
		b.SetFor(tenant.Name, metricWithinObjective, truth(last.within(terms)))
	}
	if good.Tenant != "" {
		b.SetFor(tenant.Name, metricRehearsalGood, seconds(good.Started))
		b.SetFor(tenant.Name, metricRehearsalTook, good.Seconds)
		b.SetFor(tenant.Name, metricRehearsalLost, good.Lost().Seconds())
	}
	due, must := p.rehearsals.Due(tenant.Name, terms.Rehearsal)
	if must {
		b.SetFor(tenant.Name, metricRehearsalDue, seconds(due))
	}
	for _, f := range rehearsalFindings(last, terms, due, must, b.At()) {
		f.Tenant, f.Question = tenant.Name, collectors.Recoverable
		b.Find(f)
	}
}

func rehearsalFindings(last Rehearsal, terms Terms, due time.Time, must bool, now time.Time) []collectors.Finding {
	var all []collectors.Finding
	find := func(name string, severity collectors.Severity, format string, args ...any) {
		all = append(all, collectors.Finding{Name: name, Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	took := time.Duration(last.Seconds * float64(time.Second))
	switch {
	case last.Tenant == "":
	case !last.Success:
		find("rehearsal_failed", collectors.Critical, "The last rehearsed restore, %s ago, failed (%s): nobody knows whether the tenant can be recovered",
			span(now.Sub(last.Started)), last.Reason)
	case terms.RTO > 0 && took > terms.RTO:
		find("recovery_too_slow", collectors.Warning, "Recovering took %s in the last rehearsal; the tier allows %s", span(took), span(terms.RTO))
	case terms.RPO > 0 && last.Lost() > terms.RPO:
		find("recovery_too_old", collectors.Warning, "The last rehearsal recovered the state of %s before; the tier allows %s", span(last.Lost()), span(terms.RPO))
	}
	if must && now.After(due) {
		find("rehearsal_overdue", collectors.Warning, "A restore should have been rehearsed with success %s ago", span(now.Sub(due)))
	}
	return all
}
