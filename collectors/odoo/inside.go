package odoo

import "github.com/wardround/wardround/collectors/postgres"

// insideGroups ask, along with Odoo's own, what of PostgreSQL only a connection to a database can
// tell.
var insideGroups = func() []*group {
	var all []*group
	for _, inside := range postgres.InsideGroups() {
		all = append(all, &group{
			name: inside.Name, every: inside.Every, cost: insideCost, compat: inside.Compat,
			statements: func(*reading) []string { return []string{inside.SQL} },
			read: func(r *reading, answers [][][][]byte) error {
				return inside.Read(r.Builder, r.tenant.Database, answers[0])
			},
		})
	}
	return all
}()

// insideCost is that of summing up some 700 tables, or as many sequences.
const insideCost = 30
