package pgbouncer

import (
	"iter"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// table is what one SHOW command answered.
type table struct {
	columns map[string]int
	rows    [][][]byte
}

func newTable(result *pgconn.Result) table {
	t := table{columns: make(map[string]int, len(result.FieldDescriptions)), rows: result.Rows}
	for i, field := range result.FieldDescriptions {
		t.columns[field.Name] = i
	}
	return t
}

// row is one line of a table.
type row struct {
	columns map[string]int
	values  [][]byte
}

func (t table) each() iter.Seq[row] {
	return func(yield func(row) bool) {
		for _, values := range t.rows {
			if !yield(row{t.columns, values}) {
				return
			}
		}
	}
}

// text is a column's value, "" for NULL and where there is no such column.
func (r row) text(column string) string {
	if i, ok := r.columns[column]; ok && i < len(r.values) {
		return string(r.values[i])
	}
	return ""
}

// number is the value of the first of the columns that the table has; NaN for NULL, for what is no
// whole number, and below zero, which is how PgBouncer says that it does not know.
func (r row) number(columns ...string) float64 {
	for _, column := range columns {
		if _, ok := r.columns[column]; !ok {
			continue
		}
		if n, err := strconv.ParseUint(r.text(column), 10, 64); err == nil {
			return float64(n)
		}
		break
	}
	return math.NaN()
}
