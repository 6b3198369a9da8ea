package odoo

import (
	"fmt"

	"github.com/wardround/wardround/collectors"
)

// modulesGroup reads the version of the module base and what a release left half done. Odoo runs
// no scheduled task of a database while any module is to be installed, upgraded or removed (it
// gives up waiting after five hours), and never while the version of base is not the one of the
// program. Its pages answer as ever meanwhile.
var modulesGroup = &group{
	name: "modules", needs: []string{"ir_module_module.name", "ir_module_module.state", "ir_module_module.latest_version"}, facts: true,
	statements: func(*reading) []string {
		return []string{
			`SELECT state, latest_version FROM public.ir_module_module WHERE name = 'base' LIMIT 1`,
			`SELECT state, count(*) FROM public.ir_module_module WHERE state IN ('to install', 'to upgrade', 'to remove') GROUP BY state`,
		}
	},
	read: func(r *reading, answers [][][][]byte) error {
		err := each(answers[0], func(row *row) {
			r.identity.Version = versionName(row.text(1))
			r.identity.Series = seriesOf(r.identity.Version)
		})
		if err != nil || r.staging() {
			return err
		}
		var release release
		if err := each(answers[1], func(row *row) { release.add(row.text(0), row.int(1)) }); err != nil {
			return err
		}
		release.report(r)
		return nil
	},
}

// release is what stands between a database and its scheduled tasks.
type release struct{ install, upgrade, remove int64 }

func (p *release) add(state string, n int64) {
	switch state {
	case "to install":
		p.install = n
	case "to upgrade":
		p.upgrade = n
	case "to remove":
		p.remove = n
	}
}

func (p *release) report(r *reading) {
	r.Set(metricModulesPending, float64(p.install), "to_install")
	r.Set(metricModulesPending, float64(p.upgrade), "to_upgrade")
	r.Set(metricModulesPending, float64(p.remove), "to_remove")
	why := p.blocks(r)
	r.Set(metricCronsBlocked, truth(why != ""))
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
	switch pending := p.install + p.upgrade + p.remove; {
	case pending > 0:
		return fmt.Sprintf("%s to be installed, upgraded or removed", are(pending, "module"))
	case r.identity.Version == "":
		return "the module base has no version"
	case expected != "" && r.identity.Version != expected:
		return fmt.Sprintf("the module base has the version %s and the program %s", r.identity.Version, expected)
	}
	return ""
}
