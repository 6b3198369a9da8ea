package odoo

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// reviewsGroup reads the tiered approvals of OCA's base_tier_validation: the reviews that wait for a
// decision, and how long those took that were decided since the last look. No date has an index, so
// the newest are looked at.
var reviewsGroup = &group{
	name: "reviews", addon: true, every: seldom, cost: 4,
	needs: []string{"tier_review.id", "tier_review.status", "tier_review.create_date"}, wants: []string{"tier_review.reviewed_date"},
	statements: reviewStatements,
	read:       readReviews,
}

const reviewsSQL = `
WITH newest AS MATERIALIZED (SELECT id, status, create_date FROM public.tier_review ORDER BY id DESC LIMIT {ofTable})
SELECT 'tier_review', count(*), date_part('epoch', min(create_date)) FROM newest WHERE status = 'pending'
{beyond}`

const reviewedSQL = `
SELECT date_part('epoch', reviewed_date), date_part('epoch', reviewed_date - create_date)
FROM (SELECT * FROM (SELECT status, create_date, reviewed_date FROM public.tier_review ORDER BY id DESC LIMIT {ofTable}) newest
  WHERE status IN ('approved', 'rejected')) decided
WHERE reviewed_date > to_timestamp({after}) AT TIME ZONE 'utc' ORDER BY reviewed_date`

func reviewStatements(r *reading) []string {
	statements := []string{fill(fill(reviewsSQL, "{beyond}", beyond("status = 'pending'")), worksParts...)}
	if r.schema.has("tier_review.reviewed_date") {
		sql := fill(reviewedSQL, "{after}", fmt.Sprintf("%.6f", unix(r.memory.reviews.from(r))))
		statements = append(statements, fill(sql, worksParts...))
	}
	return statements
}

func readReviews(r *reading, answers [][][][]byte) error {
	if err := readWorks(r, "reviews", answers[0]); err != nil || len(answers) < 2 {
		return err
	}
	return r.memory.reviews.read(r, answers[1], metricReview)
}

// decisionMemory counts how long decisions took, from the making of what was decided on.
type decisionMemory struct {
	until time.Time // the last that was counted, at first that of the first visit
	took  *histogram
}

var decisionBounds = []float64{300, 3600, 4 * 3600, 86400, 2 * 86400, 4 * 86400, 7 * 86400, 14 * 86400}

// from is since when decisions are to be asked for.
func (m *decisionMemory) from(r *reading) time.Time {
	if m.until.IsZero() {
		return r.now
	}
	return m.until
}

// read takes rows of when something was decided and how long that took, oldest first.
func (m *decisionMemory) read(r *reading, rows [][][]byte, metric *collectors.Metric) error {
	if m.took == nil {
		*m = decisionMemory{until: r.now, took: newHistogram(decisionBounds)}
	}
	if r.fresh {
		err := each(rows, func(row *row) {
			if at := row.time(0); at.After(m.until) {
				m.took.add(max(0, row.float(1)))
			}
		})
		if err != nil {
			return err
		}
		if last := len(rows) - 1; last >= 0 {
			m.until = (&row{columns: rows[last]}).time(0)
			if len(rows) >= mostOfState {
				r.at(r.now.Add(seldom)) // there may be more
			}
		}
	}
	m.took.set(r, metric)
	return nil
}
