package config

import (
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/odoo"
	"github.com/wardround/wardround/collectors/pgbouncer"
	"github.com/wardround/wardround/collectors/postgres"
	"github.com/wardround/wardround/collectors/probe"
	"github.com/wardround/wardround/collectors/redis"
	"github.com/wardround/wardround/collectors/scrape"
	"github.com/wardround/wardround/collectors/tls"
	"github.com/wardround/wardround/collectors/traefik"
)

// Targets are what is visited, by kind: each field is a list of one package's Config, which has a
// Name and can validate itself.
type Targets struct {
	Postgres  []postgres.Config  `yaml:"postgres"`
	PgBouncer []pgbouncer.Config `yaml:"pgbouncer"`
	Redis     []redis.Config     `yaml:"redis"`
	Traefik   []traefik.Config   `yaml:"traefik"`
	Odoo      []odoo.Config      `yaml:"odoo"`
	TLS       []tls.Config       `yaml:"tls"`
	Probe     []probe.Config     `yaml:"probe"`
	Backups   []backup.Config    `yaml:"backups"`
	Scrape    []scrape.Config    `yaml:"scrape"`
}

// fillDefaults gives every setting of every target that was left out its default.
func (t *Targets) fillDefaults() {
	fillEach(t.Postgres, postgres.DefaultConfig())
	fillEach(t.PgBouncer, pgbouncer.DefaultConfig())
	fillEach(t.Redis, redis.DefaultConfig())
	fillEach(t.Traefik, traefik.DefaultConfig())
	fillEach(t.Odoo, odoo.DefaultConfig())
	fillEach(t.TLS, tls.DefaultConfig())
	fillEach(t.Probe, probe.DefaultConfig())
	fillEach(t.Backups, backup.DefaultConfig())
	fillEach(t.Scrape, scrape.DefaultConfig())
}

// Target is one of the targets, whatever its kind.
type Target struct {
	Kind, Name string
	config     reflect.Value
	path       string // in the file
}

// All are all targets, in the order of their kinds and of the file.
func (t *Targets) All() iter.Seq[Target] {
	kinds := reflect.ValueOf(t).Elem()
	return func(yield func(Target) bool) {
		for k := range kinds.NumField() {
			kind := kinds.Type().Field(k).Tag.Get("yaml")
			for i := range kinds.Field(k).Len() {
				config := kinds.Field(k).Index(i)
				path := fmt.Sprintf("targets.%s[%d]", kind, i)
				if !yield(Target{kind, NameOf(config.Interface()), config, path}) {
					return
				}
			}
		}
	}
}

// NameOf is the name that a target's configuration gives it.
func NameOf(config any) string {
	if name := reflect.ValueOf(config).FieldByName("Name"); name.IsValid() {
		return name.String()
	}
	return ""
}

// validated is a configuration that can say what is wrong with it.
type validated interface{ Validate() error }

func (v *validator) targets() {
	t := &v.file.Targets
	seen := map[string]string{}
	for target := range t.All() {
		secrets := v.files(target.path, target.config)
		v.named(seen, target.path, target.Name, target.config.Interface().(validated).Validate())
		for _, s := range secrets {
			v.readable(s.path, s.file)
		}
	}
	if len(seen) == 0 {
		v.fail("targets", "name at least one target: %s", strings.Join(kindsOf(t), ", "))
	}
	for i, p := range t.Postgres {
		if p.StandbyOf != "" {
			v.cluster(fmt.Sprintf("targets.postgres[%d].standby_of", i), p.StandbyOf)
		}
	}
	for i, b := range t.PgBouncer {
		path := fmt.Sprintf("targets.pgbouncer[%d]", i)
		v.cluster(path+".postgres", b.Postgres)
		for address, server := range b.Servers {
			v.cluster(path+".servers."+address, server)
		}
	}
	for i, b := range t.Backups {
		v.place(fmt.Sprintf("targets.backups[%d]", i), b)
	}
	v.config.Targets = *t
}

// Summary says how many targets of which kinds there are, such as "2 postgres, 1 redis".
func (t *Targets) Summary() string {
	var parts []string
	for _, kind := range kindsOf(t) {
		n := 0
		for target := range t.All() {
			if target.Kind == kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return strings.Join(parts, ", ")
}

func kindsOf(t *Targets) []string {
	var all []string
	for f := range fieldsSeq(reflect.TypeOf(*t)) {
		all = append(all, f.Tag.Get("yaml"))
	}
	return all
}

// place checks what a place of backups says of other targets and of tiers.
func (v *validator) place(path string, b backup.Config) {
	known := func(other backup.Config) bool { return other.Name == b.CopyOf }
	if b.CopyOf != "" && !slices.ContainsFunc(v.file.Targets.Backups, known) {
		v.fail(path+".copy_of", "there is no place %q; name one of targets.backups", b.CopyOf)
	}
	if server := b.Cluster(); server != "" {
		v.cluster(path+"."+b.Kind()+".postgres", server)
	}
	for i, tier := range b.Tiers {
		v.tier(fmt.Sprintf("%s.tiers[%d]", path, i), tier)
	}
}

// named checks what a target's own package says of it, and that its name is a label of its own.
func (v *validator) named(seen map[string]string, path, name string, err error) {
	v.failAll(path, err)
	if other, taken := seen[name]; taken && name != "" {
		v.fail(path+".name", "%q is the name of %s too; each target needs one of its own", name, other)
	}
	seen[name] = path
}

// secret is a file that must be there, and the setting that names it.
type secret struct{ path, file string }

// files makes the paths of files independent of where the daemon is started: relative ones start at
// this file. Settings that hold one are called file, folder, or something_file; the latter hold
// secrets and certificates, and are returned.
func (v *validator) files(path string, value reflect.Value) []secret {
	if d, ok := value.Addr().Interface().(interface{ SetDirectory(string) }); ok {
		d.SetDirectory(filepath.Dir(v.path))
		return nil
	}
	var secrets []secret
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			return v.files(path, value.Elem())
		}
	case reflect.Slice:
		for i := range value.Len() {
			secrets = append(secrets, v.files(fmt.Sprintf("%s[%d]", path, i), value.Index(i))...)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if key, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("yaml"), ","); value.Field(i).CanSet() {
				secrets = append(secrets, v.files(join(path, key), value.Field(i))...)
			}
		}
	case reflect.String:
		return v.fileOf(path, value)
	}
	return secrets
}

func (v *validator) fileOf(path string, value reflect.Value) []secret {
	key := path[strings.LastIndexByte(path, '.')+1:]
	isSecret := strings.HasSuffix(key, "_file")
	if value.String() == "" || !isSecret && key != "file" && key != "folder" {
		return nil
	}
	file := value.String()
	v.fromHere(&file)
	value.SetString(file)
	if isSecret {
		return []secret{{path, file}}
	}
	return nil
}
