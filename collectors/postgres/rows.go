package postgres

import (
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// table is the answer to one statement.
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

// row is one line of a table; a column that is not there reads as NULL.
type row struct {
	table  *table
	values [][]byte
}

func (t *table) each(yield func(row) bool) {
	for _, values := range t.rows {
		if !yield(row{table: t, values: values}) {
			return
		}
	}
}

// first is the first row; without one every column reads as NULL.
func (t *table) first() row {
	if len(t.rows) == 0 {
		return row{table: t}
	}
	return row{table: t, values: t.rows[0]}
}

func (r row) value(column string) []byte {
	if i, ok := r.table.columns[column]; ok && i < len(r.values) {
		return r.values[i]
	}
	return nil
}

// text is a column's value, "" for NULL.
func (r row) text(column string) string { return string(r.value(column)) }

// number is a column's value; false for NULL and for what is no number.
func (r row) number(column string) (float64, bool) {
	v := r.value(column)
	if v == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return n, err == nil
}

// count is a column's value as a whole number; false for NULL and for what is none.
func (r row) count(column string) (int64, bool) {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	return n, err == nil
}

// truth is a boolean column's value; false for NULL too.
func (r row) truth(column string) bool { return r.text(column) == "t" }
