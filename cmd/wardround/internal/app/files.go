package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile replaces a file as a whole or not at all, whatever happens meanwhile. The storage
// directory has one writer; what a crash left beside the file is overwritten by the next write.
func replaceFile(path string, data []byte) error {
	if err := replace(path, path+".new", data); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func replace(path, beside string, data []byte) error {
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path)) // so that it survives a loss of power, too
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
