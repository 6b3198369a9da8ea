package odoo

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unique"

	"github.com/wardround/wardround/collectors"
)

// modulesGroup reads which modules are there in which versions, and what a release left half done.
// Odoo runs no scheduled task of a database while any module is to be installed, upgraded or
// removed (it gives up waiting after five hours), and never while the version of base is not the
// one of the program. Its pages answer as ever meanwhile.
var modulesGroup = &group{
	name: "modules", needs: []string{"ir_module_module.name", "ir_module_module.state", "ir_module_module.latest_version"}, facts: true,
	statements: func(*reading) []string {
		return []string{fill(`SELECT name, state, latest_version FROM public.ir_module_module
			WHERE state IN ('installed', 'to install', 'to upgrade', 'to remove') LIMIT {most}`, "{most}", fmt.Sprint(mostModules))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		var release release
		if err := each(answers[0], release.add); err != nil {
			return err
		}
		r.identity.Version = release.base
		r.identity.Series = seriesOf(release.base)
		if release.pending() == 0 && len(answers[0]) < mostModules {
			r.identity.modules = modulesOf(release.versions)
		}
		if !r.staging() {
			release.report(r)
		}
		return nil
	},
}

const mostModules = 2000 // that are looked at

// release is what of the modules stands in a database, and what of it keeps scheduled tasks from
// running.
type release struct {
	base                     string   // its version
	versions                 []string // module=version of what is installed
	install, upgrade, remove int64
}

// moduleForm is the form of a module's name: that of a folder of code.
var moduleForm = regexp.MustCompile(`^[a-zA-Z0-9_]{1,80}$`)

func (p *release) add(row *row) {
	name, version := row.text(0), versionName(row.text(2))
	if name == "base" {
		p.base = version
	}
	switch row.text(1) {
	case "to install":
		p.install++
		return
	case "to upgrade":
		p.upgrade++
	case "to remove":
		p.remove++
	}
	if moduleForm.MatchString(name) {
		p.versions = append(p.versions, name+"="+version)
	}
}

func (p *release) pending() int64 { return p.install + p.upgrade + p.remove }

func (p *release) report(r *reading) {
	r.Set(metricModulesPending, float64(p.install), "to_install")
	r.Set(metricModulesPending, float64(p.upgrade), "to_upgrade")
	r.Set(metricModulesPending, float64(p.remove), "to_remove")
	why := p.blocks(r)
	r.Set(metricCronsBlocked, truth(why != ""))
	r.restless = r.restless || p.pending() > 0
	if why != "" {
		r.Find(collectors.Finding{
			Name: "crons_blocked", Question: collectors.Controlled, Severity: collectors.Critical,
			Text: "A release is half done: Odoo runs no scheduled tasks here because " + why + ".",
		})
	}
}

// blocks says why Odoo skips the database, "" if it does not.
func (p *release) blocks(r *reading) string {
	expected := r.config.ExpectedBaseVersion[r.identity.Series]
	switch {
	case p.pending() > 0:
		return fmt.Sprintf("%s to be installed, upgraded or removed", are(p.pending(), "module"))
	case r.identity.Version == "":
		return "the module base has no version"
	case expected != "" && r.identity.Version != expected:
		return fmt.Sprintf("the module base has the version %s and the program %s", r.identity.Version, expected)
	}
	return ""
}

// modules are the modules of a database with their versions, as one text: the tenants of a platform
// have the same ones as a rule, and these are in memory once.
// The zero value is for unknown.
type modules struct{ unique.Handle[string] }

// modulesOf makes modules of what is installed, module=version each.
func modulesOf(versions []string) modules {
	slices.Sort(versions)
	return modules{unique.Make(strings.Join(versions, "\n"))}
}

// byName are the versions by module.
func (m modules) byName() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(m.Value()) {
		name, version, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		all[name] = version
	}
	return all
}
