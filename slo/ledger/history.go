package ledger

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Define says what the objectives measure from now on, at start and on reload.
// Where that is not what an objective's record is of, the histories of its
// instances end, and the same instances begin new ones with their next minutes;
// renewed names those objectives. The ended ones stay on disk for Minutes. A
// changed target, window or policy changes nothing here, and the record of an
// objective that is not among these waits for its return. On an error nothing
// has changed.
func (l *Ledger) Define(objectives []slo.Objective) (renewed []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	measures, defined := map[string]string{}, map[string]bool{}
	for i := range objectives {
		o := &objectives[i]
		defined[o.Name] = true
		now, before := fingerprint(o), l.measures[o.Name]
		if now == before {
			continue
		}
		measures[o.Name] = now
		if before != "" {
			renewed = append(renewed, o.Name)
		}
	}
	ended := l.ended(renewed)
	if len(measures) > 0 {
		err = l.mending(func() error { return l.saveHistories(measures, ended) })
	}
	if err != nil {
		return nil, fmt.Errorf("write what the objectives measure: %w", err)
	}
	for id, r := range ended {
		l.records[id] = r
		delete(l.ids, r.Instance)
	}
	l.renamed = l.renamed || len(ended) > 0
	maps.Copy(l.measures, measures)
	l.defined = defined
	return renewed, nil
}

// fingerprint is equal for objectives whose records may be added.
func fingerprint(o *slo.Objective) string {
	return o.Indicator.String() + " by " + strings.Join(o.By, ", ")
}

// ended are the histories of objectives as they end now, by id.
func (l *Ledger) ended(objectives []string) map[uint32]record {
	all := map[uint32]record{}
	for i, id := range l.ids {
		if slices.Contains(objectives, i.Objective) {
			r := l.records[id]
			r.Until = max(l.end, r.First+1)
			all[id] = r
		}
	}
	return all
}

func (l *Ledger) saveHistories(measures map[string]string, ended map[uint32]record) error {
	return l.update(func(tx *bbolt.Tx) error {
		for name, text := range measures {
			if err := put(tx, objectivesBucket, []byte(name), []byte(text)); err != nil {
				return err
			}
		}
		// Ids on disk have no gaps, so those that wait go before.
		for id := range l.unsaved {
			if err := putJSON(tx, instancesBucket, key(id), l.records[id]); err != nil {
				return err
			}
		}
		for id, r := range ended {
			if err := putJSON(tx, instancesBucket, key(id), r); err != nil {
				return err
			}
		}
		return nil
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
