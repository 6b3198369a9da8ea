package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/wardround/wardround/slo"
)

// ExclusionsJSON is the answer of /api/v1/exclusions.
type ExclusionsJSON struct {
	Page
	Exclusions []ExclusionJSON `json:"exclusions"`
}

// ExclusionJSON is an exclusion with what became of it.
type ExclusionJSON struct {
	slo.Exclusion
	InForce    bool       `json:"in_force"`
	NotInForce *string    `json:"not_in_force_because"` // revoked or announced_late
	CreatedBy  *string    `json:"created_by"`
	CreatedAt  *time.Time `json:"created_at"`
	RevokedBy  *string    `json:"revoked_by"`
	RevokedAt  *time.Time `json:"revoked_at"`
	RevokedWhy *string    `json:"revoked_because"`
}

func (s *server) exclusions(_ *http.Request, p *parameters) (any, error) {
	fits, want := p.exclusions(), p.paging()
	if err := p.finish(); err != nil {
		return nil, err
	}
	state := s.State()
	all := byKey("exclusions", func(x *Exclusion) string { return x.ID })
	kept, page, err := all.cut(s.Record.Exclusions(), want, fits)
	page.EvaluatedAt = instant(evaluated(&state))
	answer := ExclusionsJSON{Page: page, Exclusions: make([]ExclusionJSON, len(kept))}
	for i, x := range kept {
		answer.Exclusions[i] = exclusionJSON(x)
	}
	return answer, err
}

// exclusions reads what exclusions can be narrowed by: one fits a tenant if it speaks of it, by name
// or by naming none.
func (p *parameters) exclusions() func(*Exclusion) bool {
	objectives, tenants, tiers := p.texts("objective"), p.texts("tenant"), p.texts("tier")
	categories := choices(p, "category", []slo.Category{slo.Maintenance, slo.Correction, slo.ThirdParty, slo.Exercise})
	inForce := p.flag("in_force")
	return func(x *Exclusion) bool {
		return speaks(x.Scope.Objectives, objectives) && speaks(x.Scope.Tenants, tenants) && speaks(x.Scope.Tiers, tiers) &&
			one(categories, x.Category) && (inForce == nil || *inForce == (x.idle() == ""))
	}
}

// speaks says whether a list of a scope names any of those wanted.
func speaks(scope, wanted []string) bool {
	return len(scope) == 0 || len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(scope, w) })
}

// idle says why an exclusion is not in force, "" where it is. Of a recurring one only single
// stretches can be announced late.
func (x *Exclusion) idle() string {
	e := x.Effective()
	switch {
	case !x.Revoked.IsZero():
		return "revoked"
	case e.Rule == "" && e.Category.Planned() && e.From.Before(e.Announced):
		return "announced_late"
	}
	return ""
}

func exclusionJSON(x *Exclusion) ExclusionJSON {
	return ExclusionJSON{
		Exclusion: universal(x.Exclusion), InForce: x.idle() == "", NotInForce: named(x.idle()),
		CreatedBy: named(x.CreatedBy), CreatedAt: instant(x.Created),
		RevokedBy: named(x.RevokedBy), RevokedAt: instant(x.Revoked), RevokedWhy: named(x.RevokedWhy),
	}
}

// universal is an exclusion with its times in UTC.
func universal(x slo.Exclusion) slo.Exclusion {
	x.From, x.To, x.Announced = x.From.UTC(), x.To.UTC(), x.Announced.UTC()
	return x
}
