package report

import (
	"errors"
	"fmt"
	"time"

	"github.com/wardround/wardround/slo"
)

// Input is all that a report is made of.
type Input struct {
	// Platform is what the title calls the platform.
	Platform string
	Month    Month
	// Issued is when the report is made. Before the month's end, the report says that the month is in progress.
	Issued time.Time
	// Objectives are the promises to report on, in the order in which readers should meet equally bad ones.
	Objectives []slo.Objective
	// Tenants say which tier and region a tenant has. One that is not listed has neither.
	Tenants []Tenant
	// Days are what the record holds, between each two neighbours of Month.Edges, with exclusions laid over it; days
	// after the record's end may be left out.
	Days []Day
	// Through is where the record ends; the zero time stands for the end of the last of Days.
	Through time.Time
	// Exclusions are those that lie over Days. Those that touch the month are reported, and so are those that would have,
	// had they been announced in time.
	Exclusions []slo.Exclusion
	// Closed are the calendar periods that were frozen when they ended. Where one is that of an objective and just this
	// month, the report shows its numbers as final instead of those of Days; all others are ignored.
	Closed []Closed
}

// Closed is what was written of an instance's calendar period when it was closed.
type Closed struct {
	Instance slo.Instance
	From, To time.Time
	// At is when it was written.
	At     time.Time
	Tier   string
	Target slo.Ratio
	Status slo.Status
	// Recorded is what the record held, Judged the same with missing minutes read as the objective said.
	Recorded, Judged slo.Tally
	// Exclusions are those that had taken time out of it.
	Exclusions []slo.Exclusion
}

// Tenant is what the report says of a tenant besides its name.
type Tenant struct {
	Name, Tier, Region string
}

// Day is what all instances did in one day. Instances of objectives that are not reported on are ignored.
type Day struct {
	From, To time.Time
	Tallies  map[slo.Instance]slo.Tally
}

func (in Input) validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if in.Month.Month < time.January || in.Month.Month > time.December {
		return errors.New("report: month is not set")
	}
	if in.Issued.IsZero() {
		fail("report %s: time of issue is not set", in.Month)
	}
	edges := in.Month.Edges()
	if len(in.Days) >= len(edges) {
		return fmt.Errorf("report %s: %d days given, the month has %d", in.Month, len(in.Days), len(edges)-1)
	}
	for i, day := range in.Days {
		if !day.From.Equal(edges[i]) || !day.To.Equal(edges[i+1]) {
			fail("report %s: day %d is %s to %s, which is not that day in %s", in.Month, i+1,
				day.From.Format(time.RFC3339), day.To.Format(time.RFC3339), in.Month.zone())
		}
	}
	names := map[string]bool{}
	for _, o := range in.Objectives {
		if names[o.Name] {
			fail("report %s: objective %q stands twice", in.Month, o.Name)
		}
		names[o.Name] = true
	}
	return errors.Join(errs...)
}
