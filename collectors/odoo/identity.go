package odoo

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// Identity is what a tenant's database is, as of its last visit.
type Identity struct {
	Odoo        bool   // it holds Odoo's tables
	Version     string // of the module base, such as 18.0.1.3; "" while the first installation is unfinished
	Series      string // such as 18.0 or saas~17.4
	Known       bool   // whether it is neutralized could be read
	Neutralized bool   // it is a staging copy
	Fingerprint string // of database.uuid: the same in two databases where one is a plain copy of the other; "" if unknown

	modules modules // that were installed when no release was under way
}

// identityGroup reads the parameters of the database that say what it is.
var identityGroup = &group{
	name: "identity", param: true, facts: true,
	statements: func(*reading) []string {
		return []string{`SELECT wardround.param('database.is_neutralized'), wardround.param('database.uuid'), wardround.param('web.base.url')`}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) {
			r.identity.Known = true
			r.identity.Neutralized = strings.EqualFold(row.text(0), "true") || row.text(0) == "1"
			if uuid := row.text(1); uuid != "" {
				sum := sha256.Sum256([]byte(uuid))
				r.identity.Fingerprint = hex.EncodeToString(sum[:8])
			}
			if !r.staging() {
				reportAddress(r, row.text(2))
			}
		})
	},
}

// copied says whether this is a staging copy. What was known about the tenant before counts only
// while the database itself could not be asked: it is learnt from this very answer, and would
// else confirm itself for ever.
func (r *reading) copied() bool {
	if r.identity.Known {
		return r.identity.Neutralized
	}
	return r.tenant.Staging
}

// staging says whether nothing but what it is shall be said about the tenant.
func (r *reading) staging() bool { return r.copied() && r.config.Staging == StagingExclude }

// introduce says who the tenant is, whatever could be read.
func (r *reading) introduce() {
	neutralized := ""
	switch {
	case r.copied():
		neutralized = "true"
	case r.identity.Known:
		neutralized = "false"
	}
	r.Set(metricTenantInfo, 1, r.tenant.Tier, r.tenant.Region, r.identity.Series, r.identity.Version, neutralized, r.tenant.Database)
	if r.identity.Fingerprint != "" {
		r.Set(metricDatabaseFingerprint, 1, r.identity.Fingerprint)
	}
	if neutralized == "true" {
		r.Find(collectors.Finding{
			Name: "staging_copy", Question: collectors.Contained, Severity: collectors.Info,
			Text: "This is a neutralized staging copy" + map[bool]string{true: "; no promise is made about it.", false: "."}[r.staging()],
		})
	}
}

// reportAddress says whether the address that Odoo writes into mails is one of the tenant's. A login
// of an administrator over another name of the service overwrites it. It is not known where there is
// none, or where the grants are those of an earlier release.
func reportAddress(r *reading, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || len(r.tenant.Hosts) == 0 {
		return
	}
	foreign := !slices.ContainsFunc(r.tenant.Hosts, func(host string) bool { return strings.EqualFold(host, u.Hostname()) })
	r.Set(metricForeignAddress, truth(foreign))
	if foreign {
		r.Find(collectors.Finding{
			Name: "address_foreign", Question: collectors.Controlled, Severity: collectors.Warning,
			Text: "Links in this tenant's mails lead to a host that is none of its own: somebody with an administrator's rights logged in there; set web.base.url, and web.base.url.freeze.",
		})
	}
}

// strangersGroup counts the connections that keep Odoo from duplicating, renaming or dropping the
// database, or from making a backup of it over its own pages: before each it ends all connections,
// and those of other roles than its own it may not. The view of the activity costs more than what is
// behind it.
var strangersGroup = &group{
	name: "strangers", every: seldom, cost: 4,
	statements: func(*reading) []string {
		return []string{`SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) a JOIN pg_catalog.pg_database d ON d.oid = a.datid
			WHERE d.datname = current_database() AND a.usesysid <> d.datdba AND a.pid <> pg_backend_pid()`}
	},
	read: func(r *reading, answers [][][][]byte) error {
		return each(answers[0], func(row *row) { r.Set(metricStrangers, float64(row.int(0))) })
	},
}
