package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// boardTag is on every board, so that each can list the others.
const boardTag = "wardround"

// All are the boards, in the order in which people should meet them.
func All() []Dashboard {
	return []Dashboard{overview()}
}

// JSON is the board as Grafana loads it. Equal boards give equal bytes.
func (d Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("encode board %s: %w", d.UID, err)
	}
	return b.Bytes(), nil
}

// File is the name of the board's file.
func (d Dashboard) File() string { return d.UID + ".json" }

// Write puts all boards into a folder, which it creates if need be, one file each, and answers the files' paths. What
// else the folder holds stays. A file appears whole or not at all.
func Write(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder for boards: %w", err)
	}
	var files []string
	for _, d := range All() {
		data, err := d.JSON()
		if err != nil {
			return files, err
		}
		path := filepath.Join(dir, d.File())
		if err := replace(path, data); err != nil {
			return files, fmt.Errorf("write board %s: %w", d.UID, err)
		}
		files = append(files, path)
	}
	return files, nil
}

// replace writes a file beside path and renames it, so that Grafana's watcher never reads half a board.
func replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".board-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one that matters
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
