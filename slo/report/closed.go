package report

import (
	"time"

	"github.com/wardround/wardround/slo"
)

// closed are the periods that are just the month, by instance.
func (in Input) closed() map[slo.Instance]*Closed {
	from, to := in.Month.Bounds()
	calendar := map[string]bool{}
	for _, o := range in.Objectives {
		calendar[o.Name] = o.Window.Calendar != ""
	}
	all := map[slo.Instance]*Closed{}
	for i := range in.Closed {
		if c := &in.Closed[i]; c.From.Equal(from) && c.To.Equal(to) && calendar[c.Instance.Objective] {
			all[c.Instance] = c
		}
	}
	return all
}

// promise is the objective as it was when the period was closed.
func (c *Closed) promise(o *slo.Objective) slo.Objective {
	then := *o
	then.Targets = slo.Targets{Default: c.Target}
	return then
}

// evaluate is what was said of the period when it was closed.
func (c *Closed) evaluate(j judge) slo.Evaluation {
	judged := c.Judged
	judged.Measured = judged.Expected - judged.Excluded // missing minutes have been read already
	e := j(c.Instance, c.Tier, judged)
	e.Status = c.Status
	return e
}

// life is since when the instance was to be measured in the period.
func (c *Closed) life() slo.Span {
	return slo.Span{From: c.To.Add(-time.Duration(c.Recorded.Expected) * time.Minute), To: c.To}
}
