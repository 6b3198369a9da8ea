package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// StartReplica copies primary while it runs and starts a hot standby that
// streams through a replication slot of its own. Only Place and Name of o count.
func StartReplica(ctx context.Context, primary *Postgres, o PostgresOptions) (*Postgres, error) {
	if o.Name == "" {
		o.Name = "replica"
	}
	p, err := newPostgres(o.Place, o.Name, primary.binDir, primary.Password)
	if err != nil {
		return nil, err
	}
	err = p.copyOf(ctx, primary)
	if err == nil {
		err = p.follow(primary)
	}
	if err == nil && p.user != nil {
		err = chownTree(p.Dir(), int(p.user.credential.Uid), int(p.user.credential.Gid))
	}
	if err == nil {
		err = p.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Remove())
	}
	return p, nil
}

// copyOf fills the folder with a base backup of primary, made by the server's own interface for
// it: PostgreSQL 18's packages come without pg_basebackup.
func (p *Postgres) copyOf(ctx context.Context, primary *Postgres) error {
	conn, err := primary.Connect(ctx, superuser, "")
	if err != nil {
		return err
	}
	var label string
	_, err = conn.Exec(ctx, "SELECT pg_create_physical_replication_slot($1, true)", slotName(p.name))
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT pg_backup_start($1, true)", p.name)
	}
	if err == nil {
		err = copyCluster(primary.dataDir(), p.dataDir())
	}
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dataDir(), "backup_label"), []byte(label), 0o600)
	}
	if err := errors.Join(err, conn.Close(context.WithoutCancel(ctx))); err != nil {
		return fmt.Errorf("copy %s: %w", primary.name, err)
	}
	return nil
}

// left are what a copy of a running cluster has no use for: folders that are to be empty, and
// files of the running server.
var left = []string{
	"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
	"postmaster.pid", "postmaster.opts",
}

// copyCluster copies a cluster's files; those that vanish meanwhile were temporary.
func copyCluster(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		name, relative := filepath.Rel(from, path)
		target := filepath.Join(to, name)
		switch top, _, below := strings.Cut(name, "/"); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Join(err, relative) != nil:
			return errors.Join(err, relative)
		case below && slices.Contains(left, top):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.Mkdir(target, 0o700)
		case slices.Contains(left, name) || !entry.Type().IsRegular():
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// follow makes the copy a standby of primary.
func (p *Postgres) follow(primary *Postgres) error {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	text := "primary_conninfo = " + quote(fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s sslmode=disable",
		primary.Port(), superuser, primary.Password)) +
		"\nprimary_slot_name = " + quote(slotName(p.name)) + "\n"
	auto, err := os.OpenFile(filepath.Join(p.dataDir(), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = auto.WriteString(text)
		err = errors.Join(err, auto.Close())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dataDir(), "standby.signal"), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make %s a standby: %w", p.name, err)
	}
	return nil
}
