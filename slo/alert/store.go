package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// stateFile is the name of the state's file in the storage directory.
const stateFile = "alerts.json"

// stateVersion is the version of the file's schema. A later one is refused, never guessed at.
const stateVersion = 1

// savedState is the schema of the state's file.
type savedState struct {
	Version int          `json:"version"`
	SavedAt time.Time    `json:"saved_at"`
	Alerts  []savedAlert `json:"alerts"`
}

// savedAlert is an alert with what only the next run needs of it.
type savedAlert struct {
	Alert
	AbsentSince time.Time `json:"absent_since,omitzero"`
}

// errDamaged says that the file is there but is not the state: the caller keeps a copy and begins anew.
var errDamaged = errors.New("not a whole alert state")

// loadState reads the alerts of an earlier run, and when it saved them; a missing file is an empty state.
func loadState(dir string) (map[model.Fingerprint]Alert, time.Time, error) {
	path := filepath.Join(dir, stateFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[model.Fingerprint]Alert{}, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read alert state: %w", err)
	}
	alerts, savedAt, err := decodeState(content)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read alert state %s: %w", path, err)
	}
	return alerts, savedAt, nil
}

func decodeState(content []byte) (map[model.Fingerprint]Alert, time.Time, error) {
	var saved savedState
	if err := json.Unmarshal(content, &saved); err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if saved.Version < 1 {
		return nil, time.Time{}, fmt.Errorf("%w: it has no version", errDamaged)
	}
	if saved.Version > stateVersion {
		return nil, time.Time{}, fmt.Errorf("written by a later release (version %d, this one knows %d)", saved.Version, stateVersion)
	}
	alerts := make(map[model.Fingerprint]Alert, len(saved.Alerts))
	for _, s := range saved.Alerts {
		a := s.Alert
		a.absentSince = s.AbsentSince
		if !slices.Contains([]State{Pending, Firing, Resolved}, a.State) {
			return nil, time.Time{}, fmt.Errorf("%w: an alert has the state %q", errDamaged, a.State)
		}
		alerts[fingerprint(a.Labels)] = a.foldable()
	}
	return alerts, saved.SavedAt, nil
}

func encodeState(now time.Time, alerts []Alert) ([]byte, error) {
	saved := savedState{Version: stateVersion, SavedAt: now, Alerts: make([]savedAlert, len(alerts))}
	for i, a := range alerts {
		saved.Alerts[i] = savedAlert{Alert: a, AbsentSince: a.absentSince}
	}
	content, err := json.Marshal(saved)
	if err != nil {
		return nil, fmt.Errorf("encode alert state: %w", err)
	}
	return content, nil
}

// setAside renames a damaged state so that it can be looked at, and returns its new path.
func setAside(dir string, now time.Time) (string, error) {
	path := filepath.Join(dir, stateFile)
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set damaged alert state aside: %w", err)
	}
	return aside, nil
}

// saveState replaces the state at once: whoever reads it, after whatever crash, finds the old one or the new one.
func saveState(dir string, now time.Time, alerts []Alert) error {
	content, err := encodeState(now, alerts)
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(dir, stateFile), content); err != nil {
		return fmt.Errorf("write alert state: %w", err)
	}
	return nil
}

// replaceFile writes beside the file and renames. The name of the new one is fixed: the storage directory has one
// writer, and what a crash left is overwritten by the next write.
func replaceFile(path string, content []byte) error {
	beside := path + ".new"
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
