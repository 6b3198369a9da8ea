package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// PgBackRest is a repository of pgBackRest on this machine, to which a primary
// archives its WAL.
type PgBackRest struct {
	// Stanza is the name under which the primary is backed up.
	Stanza string
	// Config is the path of pgBackRest's configuration.
	Config string

	server  *Server
	primary *Postgres
}

// Archiving are the settings with which a primary must be started that is to be
// backed up by pgBackRest.
func Archiving() map[string]string {
	return map[string]string{"archive_mode": "on", "archive_command": "/bin/false", "wal_level": "replica"}
}

// StartPgBackRest makes a repository and a stanza for a primary that was started
// with Archiving, and lets it archive there.
func StartPgBackRest(ctx context.Context, primary *Postgres, place Place) (*PgBackRest, error) {
	s, err := settle(place, "pgbackrest")
	if err != nil {
		return nil, err
	}
	b := &PgBackRest{Stanza: "main", server: s, primary: primary}
	if err := b.setUp(ctx); err != nil {
		return nil, errors.Join(err, b.Remove())
	}
	return b, nil
}

func (b *PgBackRest) setUp(ctx context.Context) error {
	var err error
	b.Config, err = b.server.write("pgbackrest.conf", fmt.Sprintf(`[global]
repo1-path=%[1]s/repo
repo1-retention-full=2
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=not-a-secret
log-path=%[1]s
lock-path=%[1]s/lock
spool-path=%[1]s/spool
log-level-console=warn
log-level-file=off
start-fast=y
archive-timeout=30

[%[2]s]
pg1-path=%[3]s
pg1-port=%[4]d
`, b.server.Dir(), b.Stanza, b.primary.dataDir(), b.primary.Port()))
	if err != nil {
		return err
	}
	if c := b.primary.user; c != nil {
		if err := chownTree(b.server.Dir(), int(c.credential.Uid), int(c.credential.Gid)); err != nil {
			return err
		}
	}
	archive := fmt.Sprintf("pgbackrest --config=%s --stanza=%s archive-push %%p", b.Config, b.Stanza)
	for _, sql := range []string{"ALTER SYSTEM SET archive_command = '" + archive + "'", "SELECT pg_reload_conf()"} {
		if err := b.primary.Exec(ctx, superuser, sql); err != nil {
			return err
		}
	}
	return b.Run(ctx, "stanza-create")
}

// Run runs one of pgBackRest's commands, such as "backup", as the primary's user.
func (b *PgBackRest) Run(ctx context.Context, args ...string) error {
	return run(ctx, command{
		name: "pgbackrest", path: "/usr/bin/pgbackrest", dir: b.server.Dir(), user: b.primary.user,
		env:  []string{"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(b.primary.Port()), "PGUSER=" + superuser, "PGPASSWORD=" + b.primary.Password},
		args: append([]string{"--config=" + b.Config, "--stanza=" + b.Stanza}, args...),
	})
}

// Dir returns the folder with the repository in it.
func (b *PgBackRest) Dir() string { return filepath.Join(b.server.Dir(), "repo") }

// Remove deletes the repository; the primary's archiving fails from then on.
func (b *PgBackRest) Remove() error { return os.RemoveAll(b.server.Dir()) }

// PgBackRestForTest starts a primary and its repository, which end with the test.
func PgBackRestForTest(t testing.TB) (*Postgres, *PgBackRest) {
	t.Helper()
	primary := PostgresForTest(t, PostgresOptions{Settings: Archiving()})
	b, err := StartPgBackRest(t.Context(), primary, Place{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Remove()) })
	return primary, b
}
