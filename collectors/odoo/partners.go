package odoo

import (
	"fmt"
	"regexp"
)

// partnersGroup reads what OCA's rest_log says of calls of partners' systems, by id from where the
// last visit stopped.
var partnersGroup = &group{
	name: "partner_api", addon: true,
	needs:      []string{"rest_log.id", "rest_log.state", "rest_log.exec_time"},
	wants:      []string{"rest_log.collection"},
	statements: partnerStatements,
	read:       readPartners,
}

const (
	mostCalls       = 5000 // of partners between two visits that are looked at
	mostCollections = 20   // of calls that get series of their own
)

// callsSQL counts by bucket; the row without one says how far it got.
const callsSQL = `
WITH calls AS MATERIALIZED (SELECT id, state, exec_time, {collection} AS collection FROM public.rest_log r WHERE id > {after} ORDER BY id LIMIT {most})
SELECT collection, state = 'failed', width_bucket(exec_time, ARRAY[{bounds}]::float8[]), count(*), sum(exec_time)::float8 FROM calls GROUP BY 1, 2, 3
UNION ALL
SELECT NULL, NULL, NULL, (SELECT count(*) FROM calls), (SELECT max(id) FROM public.rest_log)`

var callBounds = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

func partnerStatements(r *reading) []string {
	after := "(SELECT max(id) FROM public.rest_log)" // the first visit only finds the end
	if m := r.memory.partners; m.calls != nil {
		after = fmt.Sprint(m.last)
	}
	bounds := ""
	for i, b := range callBounds {
		if i > 0 {
			bounds += ", "
		}
		bounds += fmt.Sprintf("%.9f", b*(1+1e-9)) // a bound belongs to its bucket
	}
	return []string{fill(callsSQL, "{collection}", r.schema.column("r", "rest_log.collection", "varchar"),
		"{after}", after, "{most}", fmt.Sprint(mostCalls), "{bounds}", bounds)}
}

// partnerMemory counts calls by collection.
type partnerMemory struct {
	last  int64 // id that was counted
	full  bool
	calls map[string]*histogram
	ended tallies // by collection and state
}

func readPartners(r *reading, answers [][][][]byte) error {
	m := &r.memory.partners
	if m.calls == nil {
		m.calls, m.ended = map[string]*histogram{}, tallies{}
	}
	err := each(answers[0], func(row *row) {
		if !r.fresh {
			return
		}
		if row.columns[1] == nil && row.columns[2] == nil && row.columns[0] == nil {
			m.full = row.int(3) >= mostCalls
			m.last = max(m.last, row.int(4)) // what was passed over is not counted later either
			return
		}
		m.count(row)
	})
	if err != nil {
		return err
	}
	for key, n := range m.ended {
		r.Set(metricPartnerCalls, float64(n), key[0], key[1])
	}
	for collection, h := range m.calls {
		h.set(r, metricPartnerDuration, collection)
	}
	r.Set(metricWindowFull, truth(m.full), "partner_api")
	return nil
}

// collectionForm is the form of a collection: a name out of an addon's code.
var collectionForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,6}$`)

func (m *partnerMemory) count(row *row) {
	name := row.text(0)
	if _, known := m.calls[name]; !known && (len(m.calls) >= mostCollections || !collectionForm.MatchString(name) || len(name) > 80) {
		name = otherName
	}
	state := "success"
	if row.bool(1) {
		state = "failed"
	}
	n := uint64(max(0, row.int(3)))
	m.ended.add(n, name, state)
	if row.columns[2] == nil { // a call without a time
		return
	}
	if m.calls[name] == nil {
		m.calls[name] = newHistogram(callBounds)
	}
	h := m.calls[name]
	h.Sum += row.float(4)
	if i := int(row.int(2)); i < len(h.Counts) {
		h.Counts[i] += n
	} else {
		h.Over += n
	}
}
