package odoo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// row is one row of an answer in the text format of PostgreSQL. Its readers yield the zero value
// for NULL; the first one that meets something else than it should is kept in err.
type row struct {
	columns [][]byte
	err     error
}

func (r *row) text(i int) string { return string(r.columns[i]) }

func (r *row) bool(i int) bool { return r.text(i) == "t" }

func (r *row) int(i int) int64 {
	if r.columns[i] == nil {
		return 0
	}
	n, err := strconv.ParseInt(r.text(i), 10, 64)
	r.keep(i, err)
	return n
}

// time reads seconds since 1970; NULL is the zero time.
func (r *row) time(i int) time.Time {
	if r.columns[i] == nil {
		return time.Time{}
	}
	whole, part := math.Modf(r.float(i))
	return time.Unix(int64(whole), int64(part*1e9))
}

// moment reads a timestamp without time zone as the server writes it, which with Odoo is UTC. NULL is
// the zero time, and so are the ends of time.
func (r *row) moment(i int) time.Time {
	text := strings.TrimPrefix(r.text(i), "-")
	if text == "" || text == "infinity" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateTime, text)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("column %d is not a moment", i+1)
	}
	return t
}

func (r *row) float(i int) float64 {
	if r.columns[i] == nil {
		return 0
	}
	f, err := strconv.ParseFloat(r.text(i), 64)
	r.keep(i, err)
	return f
}

// keep says which column was wrong, but not what was in it.
func (r *row) keep(i int, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("column %d is not a number", i+1)
	}
}

// seconds is a duration as statements write it.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d.Seconds()), 10) }

// each reads rows one by one.
func each(rows [][][]byte, read func(*row)) error {
	for _, columns := range rows {
		r := row{columns: columns}
		read(&r)
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// unix is a moment in seconds since 1970 as metrics carry it; 0 means that there is none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// earlier is the earlier of two moments, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// latest is the later of two moments.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
