package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/config"
	"github.com/wardround/wardround/cmd/wardround/internal/web"
	"github.com/wardround/wardround/slo"
)

// exclusionsFile keeps what was excluded over the API.
const exclusionsFile = "exclusions.json"

// exclusionsVersion is that of the file's layout.
const exclusionsVersion = 1

type savedExclusions struct {
	Version    int              `json:"version"`
	Exclusions []savedExclusion `json:"exclusions"`
}

// savedExclusion is how one is written there.
type savedExclusion struct {
	slo.Exclusion
	CreatedBy  string    `json:"created_by"`
	Created    time.Time `json:"created_at"`
	RevokedBy  string    `json:"revoked_by,omitempty"`
	Revoked    time.Time `json:"revoked_at,omitzero"`
	RevokedWhy string    `json:"revoked_because,omitempty"`
}

// exclusions are all that stand in files or were made over the API, revoked ones too, by ID. They
// are values: a change makes others.
type exclusions struct {
	filed map[string]web.Exclusion // as the configuration has them
	made  map[string]web.Exclusion // over the API
}

// loadExclusions reads what was made over the API in earlier runs.
func loadExclusions(dir string) (exclusions, error) {
	x := exclusions{made: map[string]web.Exclusion{}}
	data, err := os.ReadFile(filepath.Join(dir, exclusionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return x, fmt.Errorf("read exclusions: %w", err)
	}
	var saved savedExclusions
	if err := json.Unmarshal(data, &saved); err != nil {
		return x, fmt.Errorf("read %s, which says what does not count: %w; mend it, or move it away and exclude again", exclusionsFile, err)
	}
	if saved.Version != exclusionsVersion {
		return x, fmt.Errorf("read %s: it is of version %d, this program knows %d", exclusionsFile, saved.Version, exclusionsVersion)
	}
	for _, e := range saved.Exclusions {
		if err := e.Validate(); err != nil {
			return x, fmt.Errorf("read %s: exclusion %q: %w; mend it, or move the file away and exclude again", exclusionsFile, e.ID, err)
		}
		x.made[e.ID] = web.Exclusion(e)
	}
	return x, nil
}

func (x exclusions) save(dir string) error {
	all := make([]savedExclusion, 0, len(x.made))
	for _, e := range sorted(x.made) {
		all = append(all, savedExclusion(e))
	}
	data, err := json.MarshalIndent(savedExclusions{exclusionsVersion, all}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode exclusions: %w", err)
	}
	return replaceFile(filepath.Join(dir, exclusionsFile), append(data, '\n'))
}

// with are the exclusions beside those of a configuration.
func (x exclusions) with(filed []config.Exclusion) exclusions {
	x.filed = make(map[string]web.Exclusion, len(filed))
	for _, e := range filed {
		x.filed[e.ID] = web.Exclusion{Exclusion: e.Exclusion, CreatedBy: e.File, Created: e.Announced}
	}
	return x
}

// and are the exclusions with another one, or a changed one, made over the API.
func (x exclusions) and(e web.Exclusion) exclusions {
	made := make(map[string]web.Exclusion, len(x.made)+1)
	for id, other := range x.made {
		made[id] = other
	}
	made[e.ID] = e
	return exclusions{filed: x.filed, made: made}
}

// get is the one with an ID. What stands in a file wins over what was made under the same ID.
func (x exclusions) get(id string) (web.Exclusion, bool) {
	if e, ok := x.filed[id]; ok {
		return e, true
	}
	e, ok := x.made[id]
	return e, ok
}

// all are those of both kinds, by ID.
func (x exclusions) all() []web.Exclusion {
	both := make(map[string]web.Exclusion, len(x.made)+len(x.filed))
	for id, e := range x.made {
		both[id] = e
	}
	for id, e := range x.filed {
		both[id] = e
	}
	return sorted(both)
}

// standing are those that count: all that were not revoked.
func (x exclusions) standing() []slo.Exclusion {
	var all []slo.Exclusion
	for _, e := range x.all() {
		if e.Revoked.IsZero() {
			all = append(all, e.Effective())
		}
	}
	return all
}

func sorted(all map[string]web.Exclusion) []web.Exclusion {
	list := make([]web.Exclusion, 0, len(all))
	for _, e := range all {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b web.Exclusion) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// revoked is an exclusion that was taken back.
func revoked(e web.Exclusion, by, why string, at time.Time) web.Exclusion {
	e.Revoked, e.RevokedBy, e.RevokedWhy = at.UTC(), by, why
	return e
}
