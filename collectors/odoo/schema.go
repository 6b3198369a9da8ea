package odoo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/postgres"
)

// column is one column of a tenant's database as we see it.
type column struct {
	kind     string // its type, as format_type writes it
	readable bool   // we were granted it
}

// schema is what was learnt about a tenant's database: which of the tables and columns that we
// know are there, and what we may read. Odoo's version is never asked for this: addons and
// backports change tables within a series.
type schema struct {
	learnt   time.Time
	database string // its object id
	tables   map[string]bool
	counted  map[string]string // the object ids of those of the tables under which all that is written to them is counted
	columns  map[string]column // by table.column
	activity bool              // we see what others' backends do
	param    bool              // we may call wardround.param
	denied   []string          // columns that are there but not granted to us
}

//go:embed schema.sql
var schemaSQL string

// learn asks what there is. It takes one round trip and no lock on any table of the tenant.
func learn(ctx context.Context, conn *pgconn.PgConn, now time.Time) (*schema, error) {
	tables, columns := []string{parametersTable}, []string(nil)
	for _, t := range readable() {
		tables, columns = append(tables, t.Name), append(columns, t.Columns...)
	}
	slices.Sort(columns)
	quoted := func(names []string) string { return "'" + strings.Join(names, "', '") + "'" }
	sql := preamble + ";\n" + fill(schemaSQL, "{tables}", quoted(tables), "{columns}", quoted(slices.Compact(columns)))
	answers, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", postgres.Classify(err))
	}
	s := &schema{learnt: now, tables: map[string]bool{}, counted: map[string]string{}, columns: map[string]column{}}
	err = each(answers[1].Rows, func(r *row) {
		switch table, name := r.text(0), r.text(1); {
		case table != "":
			s.tables[table] = true
			s.columns[table+"."+name] = column{kind: r.text(2), readable: r.bool(3)}
			if r.columns[4] != nil {
				s.counted[table] = r.text(4)
			}
		case name == "database":
			s.database = r.text(4)
		case name == "activity":
			s.activity = r.bool(3)
		case name == "param":
			s.param = r.bool(3)
		}
	})
	for _, t := range readable() {
		for _, name := range t.Columns {
			if c, there := s.columns[t.Name+"."+name]; there && !c.readable {
				s.denied = append(s.denied, t.Name+"."+name)
			}
		}
	}
	return s, err
}

// has says whether a column can be read.
func (s *schema) has(name string) bool { return s.columns[name].readable }

// columnsOf lists those of a table's columns that can be read, as statements write them.
func (s *schema) columnsOf(table string, names ...string) string {
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return !s.has(table + "." + name) }), ", ")
}

// column is the SQL for a column of the row called alias, or a NULL of the given type where the
// column cannot be read.
func (s *schema) column(alias, name, kind string) string {
	_, bare, _ := strings.Cut(name, ".")
	if s.has(name) {
		return alias + "." + bare
	}
	return "NULL::" + kind
}

// lacks says why a group cannot be asked for, nil if it can. installed is false where the addon
// whose tables it reads is not there at all.
func (s *schema) lacks(g *group) (installed bool, err error) {
	for _, name := range g.unless {
		if _, there := s.columns[name]; there {
			return false, collectors.Because(collectors.ReasonMissing, fmt.Errorf("column %s is there instead", name))
		}
	}
	for _, name := range g.needs {
		table, _, _ := strings.Cut(name, ".")
		c, there := s.columns[name]
		switch {
		case !s.tables[table]:
			return !g.addon, collectors.Because(collectors.ReasonMissing, fmt.Errorf("there is no table %s", table))
		case !there:
			return name != g.part, collectors.Because(collectors.ReasonMissing, fmt.Errorf("there is no column %s", name))
		case !c.readable:
			return true, collectors.Because(collectors.ReasonPermission, fmt.Errorf("column %s is not granted", name))
		}
	}
	if g.param && !s.param {
		return true, collectors.Because(collectors.ReasonPermission, errors.New("function wardround.param is not there or not granted"))
	}
	return true, nil
}

// same says whether two are the same but for when they were learnt.
func (s *schema) same(o *schema) bool {
	return s != nil && s.activity == o.activity && s.param == o.param && maps.Equal(s.columns, o.columns)
}

// isOdoo says whether this is Odoo's database.
func (s *schema) isOdoo() bool { return s.tables["ir_module_module"] }
