package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Rows without the names of their instances are worth nothing, and of the file
// those take up one page or a few. So they are written to a second file too,
// which is read only when the first is mended: a line per record in the order
// of their ids, and a checksum as the last line.

func namesPath(path string) string { return filepath.Join(filepath.Dir(path), "ledger.names") }

// saveNames writes the second file where it is not what it should be. A failure
// is said and harms nothing until the ledger is damaged too.
func (l *Ledger) saveNames() {
	if l.opts.ReadOnly {
		return
	}
	if err := writeNames(namesPath(l.path), l.records); err != nil {
		l.opts.Logger.Warn("the names of the ledger's instances could not be written a second time", "error", err)
		return
	}
	l.renamed = false
}

func writeNames(path string, records []record) error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for _, r := range records {
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	fmt.Fprintf(&text, "%d\n", checksum(nil, nil, text.Bytes()))
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text.Bytes()) {
		return nil
	}
	temporary, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = temporary.Write(text.Bytes())
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// readNames are the records of the second file, none where it is missing or
// damaged too.
func readNames(path string) []record {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	end := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n') + 1
	if string(bytes.TrimSpace(text[end:])) != strconv.FormatUint(uint64(checksum(nil, nil, text[:end])), 10) {
		return nil
	}
	var all []record
	for line := range bytes.Lines(text[:end]) {
		var r record
		if json.Unmarshal(line, &r) != nil {
			return nil
		}
		all = append(all, r)
	}
	return all
}
