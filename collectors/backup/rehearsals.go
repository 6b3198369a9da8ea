package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Rehearsal is the record of one restore rehearsal, made here or reported from elsewhere.
type Rehearsal struct {
	Tenant        string    `json:"tenant"`
	Place         string    `json:"place"` // from where was restored
	Started       time.Time `json:"started"`
	Ended         time.Time `json:"ended"`
	Success       bool      `json:"success"`
	Reason        string    `json:"reason,omitempty"`      // of a failure: a technical word
	Seconds       float64   `json:"recovery_seconds"`      // from the beginning until the database answered
	RecoveryPoint time.Time `json:"recovery_point"`        // up to when nothing was lost; zero where it failed
	Reporter      string    `json:"reported_by,omitempty"` // who reported it; "" where it was made here
}

// Lost is how much work was lost by restoring.
func (r Rehearsal) Lost() time.Duration { return max(0, r.Started.Sub(r.RecoveryPoint)) }

// within says whether the rehearsal kept what a tier promises.
func (r Rehearsal) within(t Terms) bool {
	seconds := time.Duration(r.Seconds * float64(time.Second))
	return r.Success && (t.RTO == 0 || seconds <= t.RTO) && (t.RPO == 0 || r.Lost() <= t.RPO)
}

var (
	reasonText = regexp.MustCompile(`^[a-z_]{0,40}$`)
	placeText  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$`)
)

// Validate says whether a record can be what happened.
func (r Rehearsal) Validate(now time.Time) error {
	switch {
	case r.Tenant == "":
		return errors.New("the rehearsal names no tenant")
	case r.Started.IsZero() || r.Ended.Before(r.Started):
		return errors.New("the rehearsal ended before it started")
	case r.Ended.After(now.Add(clockSkew)):
		return errors.New("the rehearsal ended in the future")
	case r.Success && (r.RecoveryPoint.IsZero() || r.RecoveryPoint.After(r.Started.Add(clockSkew))):
		return errors.New("the rehearsal says nothing about the point to which it recovered, or one after its start")
	case r.Seconds < 0:
		return errors.New("the rehearsal took less than no time")
	case !reasonText.MatchString(r.Reason):
		return errors.New("the reason must be one lower case word")
	case r.Reporter != "" && r.Place != "" && !placeText.MatchString(r.Place): // our own are named by the configuration
		return errors.New("the place must be a name of letters, digits, dots, dashes and slashes")
	}
	return nil
}

// Rehearsals is the durable record of the last rehearsals of each tenant. It owns one file, which
// it replaces whole.
type Rehearsals struct {
	path string

	mu    sync.Mutex
	state rehearsalState
}

type rehearsalState struct {
	Since map[string]time.Time `json:"since"` // when a tenant was first seen: its first rehearsal is due from then on
	Last  map[string]Rehearsal `json:"last"`
	Good  map[string]Rehearsal `json:"good"` // the last with success
}

// OpenRehearsals reads the record at a path; where there is none it begins one.
func OpenRehearsals(path string) (*Rehearsals, error) {
	r := &Rehearsals{path: path, state: rehearsalState{
		Since: map[string]time.Time{}, Last: map[string]Rehearsal{}, Good: map[string]Rehearsal{},
	}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.state)
	}
	if err != nil {
		return nil, fmt.Errorf("read rehearsals: %w", err)
	}
	return r, nil
}

// Add records a rehearsal. One that is older than what is known changes nothing.
func (r *Rehearsals) Add(rehearsal Rehearsal, now time.Time) error {
	if err := rehearsal.Validate(now); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.state.clone()
	if rehearsal.Started.After(changed.Last[rehearsal.Tenant].Started) {
		changed.Last[rehearsal.Tenant] = rehearsal
	}
	if rehearsal.Success && rehearsal.Started.After(changed.Good[rehearsal.Tenant].Started) {
		changed.Good[rehearsal.Tenant] = rehearsal
	}
	return r.replace(changed)
}

// Last returns the last rehearsal of a tenant, and the last with success; their Tenant is empty
// where there is none.
func (r *Rehearsals) Last(tenant string) (last, good Rehearsal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Last[tenant], r.state.Good[tenant]
}

// Due is when a tenant's next rehearsal must have succeeded, if one must every so often.
func (r *Rehearsals) Due(tenant string, every time.Duration) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, ok := r.state.Good[tenant]
	if ok {
		return from.Started.Add(every), every > 0
	}
	since, ok := r.state.Since[tenant]
	return since.Add(every), ok && every > 0
}

// meet notes tenants that were not seen before.
func (r *Rehearsals) meet(tenants []string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.state.clone()
	for _, name := range tenants {
		if _, known := changed.Since[name]; !known {
			changed.Since[name] = now
		}
	}
	if len(changed.Since) == len(r.state.Since) {
		return nil
	}
	return r.replace(changed)
}

func (s rehearsalState) clone() rehearsalState {
	return rehearsalState{maps.Clone(s.Since), maps.Clone(s.Last), maps.Clone(s.Good)}
}

// replace makes a state the current one once it is on disk.
func (r *Rehearsals) replace(state rehearsalState) error {
	text, err := json.MarshalIndent(state, "", "  ")
	if err == nil {
		err = writeWhole(r.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write rehearsals: %w", err)
	}
	r.state = state
	return nil
}

// writeWhole replaces a file so that at any moment the old or the new one is there.
func writeWhole(path string, text []byte) error {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
