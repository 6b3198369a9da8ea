package backup

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/files"
	"github.com/wardround/wardround/collectors/backup/naming"
	"github.com/wardround/wardround/collectors/backup/pages"
)

// Config describes one place where backups are kept. Exactly one of the kinds, PgBackRest to
// Velero, says how it is read.
type Config struct {
	Name       string           `yaml:"name"`     // the target label of its series
	Interval   model.Duration   `yaml:"interval"` // between two visits; 5m
	Timeout    model.Duration   `yaml:"timeout"`  // of one visit; 1m
	CopyOf     string           `yaml:"copy_of"`  // name of the place of which this one is the second copy
	Keep       int              `yaml:"keep"`     // how many good backups must be there; 0 means that nobody asked
	Tiers      []string         `yaml:"tiers"`    // whose tenants are kept here; empty means all
	PgBackRest *PgBackRest      `yaml:"pgbackrest"`
	Barman     *Barman          `yaml:"barman"`
	WALG       *WALG            `yaml:"walg"`
	Dumps      *Dumps           `yaml:"dumps"`
	Filestore  *FilestoreConfig `yaml:"filestore"`
	CNPG       *CNPG            `yaml:"cnpg"`
	Velero     *Velero          `yaml:"velero"`
}

// PgBackRest is one repository of one stanza. The command is asked, or a file is read that a
// scheduled task writes: `pgbackrest info --output=json` of any or all stanzas.
type PgBackRest struct {
	Postgres string   `yaml:"postgres"` // name of the PostgreSQL target that is backed up
	Stanza   string   `yaml:"stanza"`
	Repo     int      `yaml:"repo"`    // number of the repository; 1
	Command  []string `yaml:"command"` // with its options; [pgbackrest]
	File     string   `yaml:"file"`    // instead of the command
	Compat   bool     `yaml:"compat"`  // also emit pgbackrest_exporter's series of each single backup
}

// Barman is one server as Barman calls it. The command is asked, or a file is read that holds
// what `barman -f json list-backup SERVER` prints.
type Barman struct {
	Postgres string   `yaml:"postgres"` // name of the PostgreSQL target that is backed up
	Server   string   `yaml:"server"`
	Command  []string `yaml:"command"` // with its options; [barman]
	File     string   `yaml:"file"`    // instead of the command
}

// Location is a folder or a bucket.
type Location struct {
	Folder string              `yaml:"folder"`
	Bucket *files.BucketConfig `yaml:"bucket"`
	Most   int                 `yaml:"most"` // files that one visit may list; 20000
}

// WALG is the storage of WAL-G: the folder or prefix that holds basebackups_005 and wal_005.
type WALG struct {
	Postgres string   `yaml:"postgres"` // name of the PostgreSQL target that is backed up
	In       Location `yaml:"in"`
	Prefix   string   `yaml:"prefix"`
}

// Dumps are files of which each holds one tenant's database: pg_dump's custom and plain formats,
// the latter also through gzip, Odoo's zip, and files that are encrypted. A plain dump made without
// --create names no database, and what would identify it, database.uuid, stands behind most of its
// data: whose it is only a rehearsal sees.
type Dumps struct {
	Postgres string   `yaml:"postgres"` // name of the PostgreSQL target whose tenants they are; "" means all
	In       Location `yaml:"in"`
	// Path is how files are named: {tenant}, {database} and {date} stand for themselves, * for
	// anything but a slash, ** for anything.
	Path string `yaml:"path"`
	// Regexp, instead of Path, has a group named tenant or database, and perhaps one named date.
	Regexp           string         `yaml:"regexp"`
	Zone             string         `yaml:"zone"`              // IANA time zone of dates in names; UTC
	Settle           model.Duration `yaml:"settle"`            // how long a file in a folder may be incomplete because it is being written; 15m
	WithoutFilestore bool           `yaml:"without_filestore"` // Odoo's zips hold no filestore, and need not
}

// FilestoreConfig is a copy of the tenants' filestores.
type FilestoreConfig struct {
	Postgres string   `yaml:"postgres"` // name of the PostgreSQL target whose tenants they are; "" means all
	In       Location `yaml:"in"`
	Path     string   `yaml:"path"`   // of one tenant's: {tenant} and {database} are filled in
	Marker   string   `yaml:"marker"` // file in it, or beside it, that each complete copy rewrites; needed in a bucket
}

// CNPG is one cluster of CloudNativePG, which backs it up with the Barman Cloud plugin, by itself, or
// as snapshots of its volumes: the metrics that its instances serve on port 9187.
type CNPG struct {
	Postgres string       `yaml:"postgres"` // name of the PostgreSQL target that is backed up
	Page     pages.Config `yaml:"page"`     // of the instances, all of them or that of the primary alone
}

// Velero is one Velero: the metrics that it serves on port 8085. It copies Kubernetes objects and
// volumes, and its metrics know schedules alone.
type Velero struct {
	Postgres string       `yaml:"postgres"` // name of the PostgreSQL target whose tenants they are; "" means all
	Page     pages.Config `yaml:"page"`
	// Schedule is how the tenants' schedules are named: {tenant} and {database} stand for themselves,
	// * for anything. One without either mark is a schedule that holds all of them.
	Schedule string `yaml:"schedule"`
	Regexp   string `yaml:"regexp"` // instead of Schedule, has a group named tenant or database
	// Databases says that the volumes with the databases are in it, in a way that PostgreSQL starts
	// from: as one snapshot, or with a hook. Otherwise its copies count as those of filestores.
	Databases bool `yaml:"databases"`
}

// DefaultConfig is a place that is visited every five minutes.
func DefaultConfig() Config {
	return Config{Interval: model.Duration(5 * time.Minute), Timeout: model.Duration(time.Minute)}
}

const (
	defaultMost   = 20_000
	defaultSettle = 15 * time.Minute
)

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var p problems
	if c.Name == "" {
		p.add("name", "is missing; it becomes the target label")
	}
	if c.Name == ProtectionTarget {
		p.add("name", "%q is taken: what all places mean together is shown under it", c.Name)
	}
	if time.Duration(c.Interval) < 10*time.Second {
		p.add("interval", "is %s; listings cost: write at least 10s, 5m is usual", c.Interval)
	}
	if c.Timeout <= 0 {
		p.add("timeout", "must be above zero")
	}
	if c.CopyOf != "" && c.CopyOf == c.Name {
		p.add("copy_of", "names the place itself")
	}
	if c.Keep < 0 {
		p.add("keep", "is %d; write how many backups must be there", c.Keep)
	}
	p.kinds(c.kinds())
	if (c.CNPG != nil || c.Velero != nil) && c.Keep > 0 {
		p.add("keep", "cannot be checked: metrics do not say how many backups there are")
	}
	return errors.Join(p...)
}

// kinds checks that there is exactly one, and that one.
func (p *problems) kinds(all []kind) {
	there := 0
	names := make([]string, 0, len(all))
	for _, kind := range all {
		names = append(names, kind.name)
		if kind.set {
			there++
			kind.validate(p)
		}
	}
	if there != 1 {
		p.add("name", "needs exactly one of %s; there are %d", strings.Join(names, ", "), there)
	}
}

// kind is one way in which a place can be read.
type kind struct {
	name     string // in the configuration
	set      bool
	validate func(*problems)
}

func (c Config) kinds() []kind {
	return []kind{
		{"pgbackrest", c.PgBackRest != nil, c.PgBackRest.validate},
		{"barman", c.Barman != nil, c.Barman.validate},
		{"walg", c.WALG != nil, c.WALG.validate},
		{"dumps", c.Dumps != nil, c.Dumps.validate},
		{"filestore", c.Filestore != nil, c.Filestore.validate},
		{"cnpg", c.CNPG != nil, c.CNPG.validate},
		{"velero", c.Velero != nil, c.Velero.validate},
	}
}

// Kind is how the place is read, as the configuration calls it; "" where it does not say.
func (c Config) Kind() string {
	for _, kind := range c.kinds() {
		if kind.set {
			return kind.name
		}
	}
	return ""
}

type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, collectors.Invalid(path, format, args...))
}

// toolName is what a stanza or server may be called: it becomes an argument of a command.
var toolName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\-]*$`)

func (c *PgBackRest) validate(p *problems) {
	if c.Postgres == "" {
		p.add("pgbackrest.postgres", "is missing; name the PostgreSQL target that is backed up")
	}
	if !toolName.MatchString(c.Stanza) {
		p.add("pgbackrest.stanza", "%q is no stanza's name", c.Stanza)
	}
	if c.Repo < 0 || c.Repo > 256 {
		p.add("pgbackrest.repo", "is %d; repositories are counted from 1", c.Repo)
	}
	if c.File != "" && len(c.Command) > 0 {
		p.add("pgbackrest.file", "is set beside command; keep one of them")
	}
}

func (c *Barman) validate(p *problems) {
	if c.Postgres == "" {
		p.add("barman.postgres", "is missing; name the PostgreSQL target that is backed up")
	}
	if !toolName.MatchString(c.Server) {
		p.add("barman.server", "%q is no server's name", c.Server)
	}
	if c.File != "" && len(c.Command) > 0 {
		p.add("barman.file", "is set beside command; keep one of them")
	}
}

func (c *WALG) validate(p *problems) {
	if c.Postgres == "" {
		p.add("walg.postgres", "is missing; name the PostgreSQL target that is backed up")
	}
	c.In.validate("walg.in", p)
	if strings.HasPrefix(c.Prefix, "/") {
		p.add("walg.prefix", "begins with a slash; no name in a folder or bucket does")
	}
}

func (c *Dumps) validate(p *problems) {
	c.In.validate("dumps.in", p)
	if (c.Path == "") == (c.Regexp == "") {
		p.add("dumps.path", "or regexp must say how files are named; write one of them")
	} else if _, err := naming.New(c.Path, c.Regexp); err != nil {
		p.add("dumps."+map[bool]string{true: "path", false: "regexp"}[c.Path != ""], "%v", err)
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		p.add("dumps.zone", "%q is no time zone; write one such as Europe/Paris", c.Zone)
	}
}

func (c *FilestoreConfig) validate(p *problems) {
	c.In.validate("filestore.in", p)
	if !strings.Contains(c.Path, naming.TenantMark) && !strings.Contains(c.Path, naming.DatabaseMark) {
		p.add("filestore.path", "must hold {tenant} or {database}: each has a folder of its own")
	}
	if slices.Contains(strings.Split(c.Path, "/"), "..") || strings.HasPrefix(c.Path, "/") {
		p.add("filestore.path", "must stay below the folder")
	}
	if c.In.Bucket != nil && c.Marker == "" {
		p.add("filestore.marker", "is missing; a bucket with a filestore is too large to be listed")
	}
}

func (c *CNPG) validate(p *problems) {
	if c.Postgres == "" {
		p.add("cnpg.postgres", "is missing; name the PostgreSQL target that is backed up")
	}
	*p = append(*p, flatten(c.Page.Validate("cnpg.page"))...)
}

func (c *Velero) validate(p *problems) {
	*p = append(*p, flatten(c.Page.Validate("velero.page"))...)
	if (c.Schedule == "") == (c.Regexp == "") {
		p.add("velero.schedule", "or regexp must say how the tenants' schedules are named, such as odoo-{tenant}-*; write one of them")
	} else if _, err := newSchedules(*c); err != nil {
		p.add("velero."+map[bool]string{true: "schedule", false: "regexp"}[c.Schedule != ""], "%v", err)
	}
}

func (l Location) validate(path string, p *problems) {
	if (l.Folder == "") == (l.Bucket == nil) {
		p.add(path, "needs a folder or a bucket, and not both")
	}
	if l.Most < 0 {
		p.add(path+".most", "is %d; write how many files a visit may list", l.Most)
	}
	if l.Bucket == nil {
		return
	}
	for _, err := range flatten(l.Bucket.Validate()) {
		var field *collectors.FieldError
		if errors.As(err, &field) {
			p.add(path+".bucket."+field.Path, "%s", field.Problem)
		}
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, each := range joined.Unwrap() {
			all = append(all, flatten(each)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// open gives access to a location.
func (l Location) open() (files.Store, error) {
	if l.Bucket != nil {
		return files.NewBucket(*l.Bucket)
	}
	return files.NewFolder(l.Folder), nil
}

func (l Location) most() int {
	if l.Most > 0 {
		return l.Most
	}
	return defaultMost
}
