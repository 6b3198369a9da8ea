package ledger

import (
	"cmp"
	"encoding/json"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// record is what is known of an instance's history for good.
type record struct {
	Instance slo.Instance `json:"instance"`
	// First is the instance's first minute since the epoch.
	First int64 `json:"first_minute"`
	// Until is the end of a history whose objective measures something else
	// since; 0 while it goes on.
	Until int64 `json:"until_minute,omitempty"`
	// Measures is what an ended history is of.
	Measures string `json:"measures,omitempty"`
	// Known says that the instance was there once, Tier of which tier it was last.
	Known bool   `json:"known,omitempty"`
	Tier  string `json:"tier,omitempty"`
	// Absences are when it was not, those of its objective left out.
	Absences absences `json:"absences,omitempty"`
}

// tier is the instance's now, or the last one of one that left.
func (r *record) tier(now func(slo.Instance) string) string { return cmp.Or(now(r.Instance), r.Tier) }

func readRecord(body []byte, err error) (r record, _ error) {
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}

// saveRecords writes those that wait, then others by id as they shall be: ids on
// disk have no gaps.
func (l *Ledger) saveRecords(tx *bbolt.Tx, altered map[uint32]record) error {
	for id := range l.unsaved {
		if err := putJSON(tx, instancesBucket, key(id), l.records[id]); err != nil {
			return err
		}
	}
	for id, r := range altered {
		if err := putJSON(tx, instancesBucket, key(id), r); err != nil {
			return err
		}
	}
	return nil
}
