package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile replaces a file as a whole or not at all, whatever happens meanwhile.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", filepath.Base(path), err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // the file is replaced; what is missing is only that it survives a loss of power
	}
	return errors.Join(folder.Sync(), folder.Close())
}
