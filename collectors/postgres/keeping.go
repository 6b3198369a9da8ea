package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/wardround/wardround/collectors"
)

// keepEvery is how much of what was measured may be lost with the daemon.
const keepEvery = 15 * time.Minute

// path is where the measures are kept over a restart; "" for nowhere.
func (w *walk) path() string {
	if w.cluster.options.StateDir == "" {
		return ""
	}
	return filepath.Join(w.cluster.options.StateDir, "sizes-"+url.PathEscape(w.cluster.Name())+".json")
}

// load takes over what was measured before a restart. What cannot be read is as good as nothing:
// all is measured anew.
func (w *walk) load(b *collectors.Builder) {
	if w.path() == "" {
		return
	}
	text, err := os.ReadFile(w.path())
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	kept := map[uint32]*measured{}
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		b.Notef("sizes that were measured before cannot be read: %v", err)
		return
	}
	for oid, m := range kept {
		if m != nil && !m.At.After(b.At()) {
			m.asked = m.At
			w.databases[oid] = m
		}
	}
}

// save keeps what was measured, whole or not at all.
func (w *walk) save(b *collectors.Builder) {
	if w.path() == "" || b.At().Sub(w.saved) < keepEvery {
		return
	}
	text, err := json.Marshal(w.databases)
	if err == nil {
		err = replace(w.path(), text)
	}
	if err != nil {
		b.Notef("sizes could not be kept for after a restart: %v", err)
		return
	}
	w.saved = b.At()
}

// replace puts a text in place of a file's.
func replace(path string, text []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".sizes-*")
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}
