package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// PostgresBinDir returns the folder of PostgreSQL's programs, of the highest
// major where Debian installed several.
func PostgresBinDir() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("find PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		return "", errors.New("find PostgreSQL: nothing in /usr/lib/postgresql; install the packages listed in testdata/platform/PACKAGES")
	}
	major := func(path string) int {
		n, err := strconv.Atoi(strings.Split(path, "/")[4])
		if err != nil {
			return 0
		}
		return n
	}
	best := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(best), nil
}

// Postgres18BinDir returns the folder of PostgreSQL 18's initdb and postgres, the second major that
// `make deps` puts below bin/ of the checkout that the working folder is in.
func Postgres18BinDir() (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find PostgreSQL 18: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", errors.New("find PostgreSQL 18: the working folder is in no checkout")
		}
		root = filepath.Dir(root)
	}
	bin, err := filepath.EvalSymlinks(filepath.Join(root, "bin/tools/postgresql-18/bin"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("find PostgreSQL 18: not in bin/tools; `make deps` puts it there")
	}
	return bin, err
}
