package rehearse

import (
	"archive/zip"
	"context"
	"crypto/sha1" //nolint:gosec // what Odoo names attachments by
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	"github.com/jackc/pgx/v5"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
)

// storedName is how Odoo names a file of its filestore: by the SHA-1 of its content.
var storedName = regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]{40}$`)

const (
	// mostHashed bounds how much of one attachment is read.
	mostHashed = 64 << 20
	// lateAttachments is the share of a sample that may be missing from a copy that was not made
	// at the same moment as the backup.
	lateAttachments = 0.05
)

// attachment is one file that the database names.
type attachment struct {
	name string
	size int64
}

// checkAttachments looks for the newest attachments, and as many of any age, in the filestore that
// belongs to the backup.
func (r *rehearsal) checkAttachments(ctx context.Context, conn *pgx.Conn) error {
	filestore, done, err := r.filestore(ctx)
	if err != nil || filestore == nil {
		return err
	}
	defer done()
	sample, err := r.sample(ctx, conn)
	if err != nil {
		return err
	}
	found := &r.result.Attachments
	for _, a := range sample {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		found.Sampled++
		switch err := a.compare(filestore); {
		case errors.Is(err, fs.ErrNotExist):
			found.Missing++
		case err != nil && collectors.ReasonOf(err) != collectors.ReasonOther:
			return because(ReasonAttachments, fmt.Errorf("read the filestore: %w", err))
		case err != nil:
			found.Different++
		}
	}
	allowed := 0
	if r.Artifact.Contents.Format != archive.OdooZip {
		allowed = int(lateAttachments * float64(found.Sampled))
	}
	if found.Missing+found.Different > allowed {
		return because(ReasonAttachments, fmt.Errorf("of %d attachments %d are missing from the filestore and %d are not what they were",
			found.Sampled, found.Missing, found.Different))
	}
	return nil
}

// filestore is the one in Odoo's zip, or the copy that was named; nil where there is neither.
func (r *rehearsal) filestore(ctx context.Context) (filestore fs.FS, done func(), err error) {
	if r.Artifact.Contents.Format == archive.OdooZip && r.Artifact.Contents.Files > 0 {
		opened, err := r.Artifact.Store.Open(ctx, r.Artifact.File)
		if err != nil {
			return nil, nil, because(ReasonFetch, err)
		}
		directory, err := zip.NewReader(opened, r.Artifact.File.Size)
		if err == nil {
			filestore, err = fs.Sub(directory, "filestore")
		}
		if err != nil {
			return nil, nil, errors.Join(because(ReasonFetch, fmt.Errorf("read the filestore in the zip: %w", err)), opened.Close())
		}
		return filestore, func() { _ = opened.Close() }, nil
	}
	return r.Filestore, func() {}, nil
}

// sample chooses half of the attachments among the newest and half by chance.
func (r *rehearsal) sample(ctx context.Context, conn *pgx.Conn) ([]attachment, error) {
	const stored = "SELECT id, store_fname, coalesce(file_size, -1) AS size FROM ir_attachment WHERE store_fname IS NOT NULL"
	rows, err := conn.Query(ctx, "SELECT DISTINCT store_fname, size FROM ("+
		"("+stored+" ORDER BY id DESC LIMIT $1) UNION ALL ("+stored+" ORDER BY md5(id::text) LIMIT $2)) AS s",
		r.Sample-r.Sample/2, r.Sample/2)
	if err != nil {
		return nil, fmt.Errorf("choose attachments: %w", coded(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a attachment, err error) {
		err = row.Scan(&a.name, &a.size)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("choose attachments: %w", coded(err))
	}
	return all, nil
}

var errDifferent = errors.New("the attachment is not what it was")

// compare looks for an attachment in a filestore.
func (a attachment) compare(filestore fs.FS) error {
	if !storedName.MatchString(a.name) {
		return errDifferent
	}
	file, err := filestore.Open(a.name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || (a.size >= 0 && info.Size() != a.size) {
		return errDifferent
	}
	if info.Size() > mostHashed {
		return nil
	}
	hash := sha1.New() //nolint:gosec // what Odoo names attachments by
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != a.name[len("ab/"):] {
		return errDifferent
	}
	return nil
}
