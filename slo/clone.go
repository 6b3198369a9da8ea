package slo

import "slices"

// Clone is the evaluation in memory of its own, for whoever keeps it beyond the
// next Judge.Into.
func (e *Evaluation) Clone() Evaluation {
	kept := *e
	kept.Burn, kept.Conditions = slices.Clone(e.Burn), slices.Clone(e.Conditions)
	own := func(b *Burn) *Burn {
		return &kept.Burn[slices.IndexFunc(kept.Burn, func(k Burn) bool { return k.Window == b.Window })]
	}
	for i := range kept.Conditions {
		c := &kept.Conditions[i]
		c.Long, c.Short = own(c.Long), own(c.Short)
	}
	return kept
}
