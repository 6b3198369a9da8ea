package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/testdata/platform"
)

// dumps is what became of a tenant's nightly dumps.
type dumps string

const (
	complete  dumps = ""           // a good one, and its copy in another place
	never     dumps = "never"      // nobody made any
	daysOld   dumps = "days old"   // the script has stopped
	cutOff    dumps = "cut off"    // the newest ends in its middle
	notCopied dumps = "not copied" // the other place has none
)

// The places in which dumps are kept, as the configuration knows them.
const (
	nightly = "nightly"
	offsite = "offsite"
)

// backups dumps every tenant's database into one place and copies the dumps to another.
func (s *stage) backups(ctx context.Context) error {
	bin, err := platform.PostgresBinDir()
	if err != nil {
		return err
	}
	password, err := s.secret("postgres")
	if err != nil {
		return err
	}
	work := pool.New().WithMaxGoroutines(4).WithErrors().WithContext(ctx).WithCancelOnError()
	for _, p := range ward() {
		if p.dumps == never {
			continue
		}
		work.Go(func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "pg_dump"), "--format=custom", "--host=127.0.0.1",
				"--port="+strconv.Itoa(s.base+primaryPort), "--username=postgres", p.database)
			cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
			text, err := output(cmd)
			if err != nil {
				return fmt.Errorf("dump %s: %w", p.database, err)
			}
			return s.keep(p, text)
		})
	}
	return work.Wait()
}

// keep puts a dump where the tenant's trouble wants it.
func (s *stage) keep(p patient, dump []byte) error {
	now := time.Now()
	made := now
	var err error
	switch p.dumps {
	case daysOld:
		made = now.Add(-80 * time.Hour)
	case cutOff:
		made = now.Add(-20 * time.Hour)
		err = s.put(nightly, p.database, now.Add(-3*time.Hour), dump[:len(dump)/2])
	}
	err = errors.Join(err, s.put(nightly, p.database, made, dump))
	if p.dumps != notCopied {
		err = errors.Join(err, s.put(offsite, p.database, made, dump))
	}
	return err
}

// put writes one dump as if it had been made at a time.
func (s *stage) put(place, database string, made time.Time, dump []byte) error {
	folder := s.path("backups", place, database)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make folder of dumps: %w", err)
	}
	file := filepath.Join(folder, made.UTC().Format("2006-01-02_15-04-05")+".dump")
	if err := errors.Join(os.WriteFile(file, dump, 0o600), os.Chtimes(file, made, made)); err != nil {
		return fmt.Errorf("keep a dump: %w", err)
	}
	return nil
}
