package rehearse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/backup/archive"
)

// Options says what is rehearsed and where.
type Options struct {
	Tenant   collectors.Tenant
	Artifact backup.Artifact // of Place.Newest
	Dir      string          // where a folder is made for the time of the rehearsal; what PostgreSQL runs as must get there

	BinDir    string // folder of initdb, postgres, pg_restore and psql; "" means the highest major installed
	User      string // as whom they run where we are root; "postgres"
	Superuser string // of the restored cluster, where that is a whole one; "postgres"
	Jobs      int    // of pg_restore; as many as there are processors, 8 at most
	Limit     int64  // most bytes of disk that may be used; 0 means what is free
	Reserve   int64  // bytes of disk that must stay free; 1 GiB

	Live      map[string]int64 // rows of tables of the live database; nil where nobody counted them
	Tolerance float64          // by which part the restored rows may differ from them; 0.2
	LiveWrite time.Time        // when the newest row of the live business tables was made that is older than the backup; zero where nobody can say
	LiveID    string           // database.uuid of the live database, which is compared and goes nowhere; "" where nobody can say
	Filestore fs.FS            // copy of the tenant's filestore; nil where there is none
	Sample    int              // attachments to look for in it, or in Odoo's zip; 50

	// Progress is told of each stage as it begins, and of how far it is about once a second. It
	// must be quick. It may be nil.
	Progress func(Progress)
}

// Stage is a part of a rehearsal.
type Stage string

// The stages, in their order.
const (
	StagePrepare Stage = "prepare"
	StageFetch   Stage = "fetch"
	StageStart   Stage = "start"
	StageRestore Stage = "restore"
	StageCheck   Stage = "check"
	StageRemove  Stage = "remove"
)

// Progress says how far a rehearsal is.
type Progress struct {
	Stage Stage
	Done  int64 // bytes that were read, or that the restored files have
	Total int64 // of them; 0 where that is not known
}

// mostJobs bounds what a rehearsal takes of a machine that has other work to do, in memory above all.
const mostJobs = 8

// databaseName keeps out what PostgreSQL's programs would take for the address of a server.
var databaseName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\-]*$`)

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("rehearse: Dir is required")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("rehearse: Dir: %w", err)
	}
	o.Dir = dir
	if !databaseName.MatchString(o.Tenant.Database) {
		return o, fmt.Errorf("rehearse: %q is no name of a database that can be restored here", o.Tenant.Database)
	}
	if o.Artifact.Contents.Format == archive.Sealed {
		return o, because(ReasonSealed, errors.New("the backup is encrypted, and nobody gave us the key"))
	}
	if o.BinDir == "" {
		if o.BinDir, err = binDir(); err != nil {
			return o, because(ReasonPrograms, err)
		}
	}
	if o.User == "" {
		o.User = "postgres"
	}
	if o.Superuser == "" {
		o.Superuser = "postgres"
	}
	if o.Jobs == 0 {
		o.Jobs = min(runtime.NumCPU(), mostJobs)
	}
	if o.Reserve == 0 {
		o.Reserve = 1 << 30
	}
	if o.Tolerance == 0 {
		o.Tolerance = 0.2
	}
	if o.Sample == 0 {
		o.Sample = 50
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o, nil
}

// binDir finds PostgreSQL's programs where Debian, Red Hat and others install them.
func binDir() (string, error) {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/usr/local/pgsql/bin/postgres", "/usr/bin/postgres"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("find PostgreSQL: %w", err)
		}
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return "", errors.New("find PostgreSQL: no server is installed on this machine")
	}
	best := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(best), nil
}

// major is the version that a program's path names; 0 where it names none.
func major(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}

// there says whether a file exists.
func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
