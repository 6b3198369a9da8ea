package backup

import (
	"context"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/files"
	"github.com/wardround/wardround/collectors/backup/naming"
)

// filestoreCopy looks at copies of the tenants' filestores. Odoo keeps attachments in 256 folders
// with names of two hexadecimal digits; only these, and the marker, are looked at.
type filestoreCopy struct {
	config  FilestoreConfig
	store   files.Store
	tenants func() (*collectors.Tenants, func(collectors.Tenant) bool)
}

func newFilestore(c FilestoreConfig, tenants func() (*collectors.Tenants, func(collectors.Tenant) bool)) (*filestoreCopy, error) {
	store, err := c.In.open()
	if err != nil {
		return nil, err
	}
	return &filestoreCopy{c, store, tenants}, nil
}

func (p *filestoreCopy) close() { p.store.Close() }

func (p *filestoreCopy) read(ctx context.Context, now time.Time) (Reading, error) {
	// A root that is gone is a failed visit, not a thousand tenants without a copy.
	if _, err := p.store.List(ctx, files.Query{Flat: true, Most: 1}, func(files.File) bool { return false }); err != nil {
		return Reading{}, err
	}
	tenants, mine := p.tenants()
	reading := Reading{Tenants: map[string]Set{}, AsOf: now}
	for _, tenant := range tenants.All() {
		if !mine(tenant) {
			continue
		}
		backup, ok, err := p.look(ctx, p.folder(tenant))
		if err != nil {
			return Reading{}, err
		}
		if ok {
			reading.Tenants[tenant.Name] = Set{Backups: []Backup{backup}}
		}
	}
	reading.guard(ctx, p.store)
	return reading, nil
}

// folder is where a tenant's copy is.
func (p *filestoreCopy) folder(tenant collectors.Tenant) string {
	folder := strings.NewReplacer(naming.TenantMark, tenant.Name, naming.DatabaseMark, tenant.Database).Replace(p.config.Path)
	return strings.TrimSuffix(folder, "/") + "/"
}

// Attachments shows the copy of a tenant's filestore for as long as ctx lasts; false where the place
// keeps none.
func (p *Place) Attachments(ctx context.Context, tenant collectors.Tenant) (fs.FS, bool) {
	copies, ok := p.reader.(*filestoreCopy)
	if !ok || !p.keeps(tenant) {
		return nil, false
	}
	return files.Under(ctx, copies.store, copies.folder(tenant)), true
}

var shard = regexp.MustCompile(`/[0-9a-f]{2}/$`)

// look finds out when a copy was last complete: when its marker was written, or, where there is no
// marker, when one of its folders was last changed. The latter is no later than the truth.
func (p *filestoreCopy) look(ctx context.Context, folder string) (Backup, bool, error) {
	backup := Backup{Label: folder, Type: Filestore}
	var shards int
	var changed time.Time
	marker := folder + p.config.Marker
	if p.config.Marker == "" || p.config.In.Folder != "" {
		_, err := p.store.List(ctx, files.Query{Prefix: folder, Flat: true, Most: 1000}, func(f files.File) bool {
			if f.Folder && shard.MatchString(f.Name) {
				shards++
				if f.Modified.After(changed) {
					changed = f.Modified
				}
			}
			return true
		})
		if err != nil {
			return backup, false, err
		}
		if shards == 0 {
			backup.Fault = archive.Empty
		}
	}
	backup.Stop = changed
	if p.config.Marker != "" {
		backup.Stop = time.Time{}
		_, err := p.store.List(ctx, files.Query{Prefix: marker, Most: 1}, func(f files.File) bool {
			if f.Name == marker {
				backup.Stop = f.Modified
			}
			return true
		})
		if err != nil {
			return backup, false, err
		}
	}
	return backup, !backup.Stop.IsZero(), nil
}
