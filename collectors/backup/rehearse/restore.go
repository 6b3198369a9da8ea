package rehearse

import (
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
)

// part is how much of a file is read at a time: a request each, where it is in a bucket.
const part = 8 << 20

// source reads a backup file from its beginning, and counts.
type source struct {
	ctx    context.Context // of the rehearsal: reading ends with it
	from   io.ReaderAt
	size   int64
	at     int64
	buffer []byte
	left   []byte
	read   *atomic.Int64
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		if s.at >= s.size {
			return 0, io.EOF
		}
		if err := context.Cause(s.ctx); err != nil {
			return 0, err
		}
		n, err := s.from.ReadAt(s.buffer[:min(int64(len(s.buffer)), s.size-s.at)], s.at)
		if n == 0 {
			return 0, fmt.Errorf("read backup: %w", err)
		}
		s.left, s.at = s.buffer[:n], s.at+int64(n)
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	s.read.Add(int64(n))
	return n, nil
}

func (r *rehearsal) source(ctx context.Context, opened files.ReaderAtCloser) *source {
	return &source{ctx: ctx, from: opened, size: r.Artifact.File.Size, buffer: make([]byte, part), read: &r.bytes}
}

// fetch brings a dump in custom format to where pg_restore, which needs to jump in it, can open it:
// nothing is to be done where it could open the file itself. Others are read as they are restored.
func (r *rehearsal) fetch(ctx context.Context) error {
	if !r.fetches() {
		return nil
	}
	opened, err := r.Artifact.Store.Open(ctx, r.Artifact.File)
	if err != nil {
		return err
	}
	defer opened.Close()
	path := r.in("backup")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fetch backup: %w", err)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, r.source(ctx, opened), make([]byte, part))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("fetch backup: %w", err)
	}
	if r.account != nil {
		err = os.Chown(path, int(r.account.Uid), int(r.account.Gid))
	}
	return err
}

// fetches says whether the backup file must be copied before it can be restored.
func (o Options) fetches() bool { return o.Artifact.Contents.Format == archive.Custom }

// restore turns the backup into a database that answers. The server runs when it returns.
func (r *rehearsal) restore(ctx context.Context) error {
	if r.Artifact.Command != nil {
		return because(ReasonRestore, r.restoreCluster(ctx))
	}
	database := pgx.Identifier{r.Tenant.Database}.Sanitize()
	if err := r.server.exec(ctx, "postgres", "CREATE DATABASE "+database+" TEMPLATE template0"); err != nil {
		return because(ReasonStart, fmt.Errorf("make the database to restore into: %w", err))
	}
	var err error
	if r.Artifact.Contents.Format == archive.Custom {
		err = r.restoreCustom(ctx)
	} else {
		err = r.restoreScript(ctx)
	}
	return because(ReasonRestore, err)
}

// restoreCustom leaves owners and rights out: the roles are those of another cluster.
func (r *rehearsal) restoreCustom(ctx context.Context) error {
	args := append(r.server.client(r.Tenant.Database), "--no-owner", "--no-privileges", "--jobs="+strconv.Itoa(r.Jobs), r.in("backup"))
	err := r.run(ctx, program{path: filepath.Join(r.BinDir, "pg_restore"), args: args, line: func(line string) {
		if strings.HasPrefix(line, "pg_restore: error:") {
			r.errors.Add(1)
		}
	}})
	return r.counted(err)
}

// counted makes an error of errors that a program only told.
func (r *rehearsal) counted(err error) error {
	if n := r.errors.Load(); err == nil && n > 0 {
		return fmt.Errorf("the restore told %d errors", n)
	}
	return err
}

var sqlError = regexp.MustCompile(`ERROR:  ([0-9A-Z]{5})$`)

// harmless are the errors that are no part of the tenant's data: roles of the script's own cluster
// and settings of a newer PostgreSQL, which are not known here, and the database that the script
// would make, which is there.
var harmless = []string{"42704", "42P04"}

// restoreScript feeds an SQL script to psql, which says of errors their code alone. It is told to
// heed no command of its own in the script, which could run programs or lead it to another server.
func (r *rehearsal) restoreScript(ctx context.Context) error {
	opened, err := r.Artifact.Store.Open(ctx, r.Artifact.File)
	if err != nil {
		return because(ReasonFetch, err)
	}
	defer opened.Close()
	script, err := r.script(ctx, opened)
	if err != nil {
		return because(ReasonFetch, err)
	}
	defer script.Close()
	args := append(r.server.client(r.Tenant.Database), "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=VERBOSITY=sqlstate")
	feed := &failing{from: io.MultiReader(strings.NewReader("\\restrict "+rand.Text()+"\n"), script)}
	err = r.run(ctx, program{path: filepath.Join(r.BinDir, "psql"), args: args, stdin: feed, line: func(line string) {
		if found := sqlError.FindStringSubmatch(line); found != nil && !slices.Contains(harmless, found[1]) {
			r.errors.Add(1)
		}
	}})
	if feed.err != nil {
		return because(ReasonFetch, fmt.Errorf("read the script: %w", feed.err))
	}
	return r.counted(err)
}

// failing remembers why what it reads from ended too early.
type failing struct {
	from io.Reader
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// script is the SQL in a backup file.
func (r *rehearsal) script(ctx context.Context, opened files.ReaderAtCloser) (io.ReadCloser, error) {
	switch r.Artifact.Contents.Format {
	case archive.Plain:
		return io.NopCloser(r.source(ctx, opened)), nil
	case archive.Gzip:
		return gzip.NewReader(r.source(ctx, opened))
	case archive.OdooZip:
		directory, err := zip.NewReader(opened, r.Artifact.File.Size)
		if err != nil {
			return nil, fmt.Errorf("read the zip's directory: %w", err)
		}
		return directory.Open(archive.DumpName)
	}
	return nil, fmt.Errorf("files in the format %s cannot be restored here", r.Artifact.Contents.Format)
}

// restoreCluster lets pgBackRest restore the tenant's database and what every cluster has, then
// lets the server replay all WAL that was archived. Tablespaces and links go below the scratch
// folder, wherever the live ones are.
func (r *rehearsal) restoreCluster(ctx context.Context) error {
	a := r.Artifact
	for _, name := range []string{"tablespaces", "lock", "data"} {
		if err := r.mkdir(name); err != nil {
			return err
		}
	}
	quiet := []string{"--log-level-console=off", "--log-level-stderr=off", "--log-level-file=off"}
	args := slices.Concat(a.Command[1:], []string{
		"restore", "--stanza=" + a.Stanza, "--repo=" + strconv.Itoa(a.Repo), "--set=" + a.Label,
		"--pg1-path=" + r.in("data"), "--reset-pg1-host", "--db-include=" + r.Tenant.Database,
		"--tablespace-map-all=" + r.in("tablespaces"), "--lock-path=" + r.in("lock"),
		"--process-max=" + strconv.Itoa(r.Jobs),
	}, quiet)
	if err := r.run(ctx, program{path: a.Command[0], args: args}); err != nil {
		return err
	}
	r.stage(StageStart)
	return because(ReasonStart, r.server.launch(ctx))
}

// mkdir makes a folder of PostgreSQL's user.
func (r *rehearsal) mkdir(name string) error {
	err := os.Mkdir(r.in(name), 0o700)
	if err == nil && r.account != nil {
		err = os.Chown(r.in(name), int(r.account.Uid), int(r.account.Gid))
	}
	if err != nil {
		return fmt.Errorf("make folder for the restore: %w", err)
	}
	return nil
}
