package ledger

import (
	"fmt"
	"iter"
	"maps"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Define says what the objectives measure from now on, at start and on reload.
// Where that is not what an objective's record is of, the histories of its
// instances end, and the same instances begin new ones with their next minutes;
// renewed names those objectives. The ended ones stay on disk for Minutes; they
// go on if the objective is defined as before while nothing was recorded, so a
// reload can be taken back. A changed target, window or policy changes nothing
// here. The record of an objective that is not among these waits for its return;
// the minutes in between are neither expected nor missing, and what is recorded
// for them is left out. That is not so of time in which nobody wrote the ledger.
// On an error nothing has changed.
func (l *Ledger) Define(objectives []slo.Objective) (renewed []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	measures, defined, altered := map[string]string{}, map[string]bool{}, map[uint32]record{}
	for i := range objectives {
		o := &objectives[i]
		defined[o.Name] = true
		now, before := fingerprint(o), l.measures[o.Name]
		if now == before {
			continue
		}
		measures[o.Name] = now
		if again := l.ended(o.Name, now); len(again) > 0 {
			maps.Copy(altered, again)
		} else if before != "" {
			renewed = append(renewed, o.Name)
			maps.Copy(altered, l.ending(o.Name, before))
		}
	}
	absent, news := l.attendance(defined)
	if (len(measures) > 0 || news) && !l.opts.ReadOnly {
		err = l.mending(func() error { return l.saveHistories(measures, altered, absent) })
	}
	if err != nil {
		return nil, fmt.Errorf("write what the objectives measure: %w", err)
	}
	l.absent = absent
	for id, r := range altered {
		l.records[id] = r
		if delete(l.ids, r.Instance); r.Until == 0 {
			l.ids[r.Instance] = id
		}
	}
	l.renamed = l.renamed || len(altered) > 0
	maps.Copy(l.measures, measures)
	l.defined = defined
	l.missAll()
	return renewed, nil
}

// fingerprint is equal for objectives whose records may be added.
func fingerprint(o *slo.Objective) string {
	return o.Indicator.String() + " by " + strings.Join(o.By, ", ")
}

// ending are the histories of an objective as they end now, by id.
func (l *Ledger) ending(objective, measures string) map[uint32]record {
	all := map[uint32]record{}
	for i, id := range l.ids {
		if i.Objective == objective {
			r := l.records[id]
			r.Until, r.Measures = max(l.end, r.First+1), measures
			all[id] = r
		}
	}
	return all
}

// ended are the last histories of an objective as they go on, by id, if they are
// of what it measures again and nothing has been recorded since.
func (l *Ledger) ended(objective, measures string) map[uint32]record {
	all, last := map[uint32]record{}, ""
	for id, r := range l.records {
		if r.Instance.Objective != objective {
			continue
		}
		if r.Measures != last { // later ids are of later histories; one that goes on says nothing
			clear(all)
			last = r.Measures
		}
		r.Until, r.Measures = 0, ""
		all[uint32(id)] = r
	}
	if last != measures {
		return nil
	}
	return all
}

func (l *Ledger) saveHistories(measures map[string]string, altered map[uint32]record, absent map[string]absences) error {
	return l.update(&l.rowCount, func(tx *bbolt.Tx) error {
		for name, text := range measures {
			if err := put(tx, objectivesBucket, []byte(name), []byte(text)); err != nil {
				return err
			}
		}
		if err := putJSON(tx, metaBucket, absencesKey, absent); err != nil {
			return err
		}
		return l.saveRecords(tx, altered)
	})
}

// Instances are all whose histories go on, of the objectives that Define named,
// in the order of their first minutes, with the time of those.
func (l *Ledger) Instances() iter.Seq2[slo.Instance, time.Time] {
	l.mu.RLock()
	var all []record
	for _, r := range l.records {
		if r.Until == 0 && (l.defined == nil || l.defined[r.Instance.Objective]) {
			all = append(all, r)
		}
	}
	l.mu.RUnlock()
	return func(yield func(slo.Instance, time.Time) bool) {
		for _, r := range all {
			if !yield(r.Instance, minuteTime(r.First)) {
				return
			}
		}
	}
}
