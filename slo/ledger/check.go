package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Report is what a ledger's file holds, and what is wrong with it.
type Report struct {
	Path string `json:"path"`
	// Bytes is the file's size, FreeBytes what of it is free for new rows.
	Bytes     int64 `json:"bytes"`
	FreeBytes int64 `json:"free_bytes"`
	// Instances have histories that go on, Ended ones that ended.
	Instances int `json:"instances"`
	Ended     int `json:"ended_instances"`
	Minutes   int `json:"minutes"`
	Hours     int `json:"hours"`
	Periods   int `json:"closed_periods"`
	// First and Through bound the minutes; zero where there are none.
	First   time.Time `json:"first_minute,omitzero"`
	Through time.Time `json:"through,omitzero"`
	// Faults are what is wrong, the first hundred; FaultCount is how many there
	// are.
	Faults     []string `json:"faults"`
	FaultCount int      `json:"fault_count"`
}

const maxFaults = 100

func (r *Report) faultf(format string, args ...any) {
	if r.FaultCount++; len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Check reads the whole file: every value matches its seal, every row unpacks to
// instances that are known and had begun, every hour is the sum of its minutes.
// What is wrong is in the report; the error is that of ctx, or of a file that
// cannot be read on. The ledger cannot be appended to meanwhile.
func (l *Ledger) Check(ctx context.Context) (Report, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := checker{ledger: l, ctx: ctx, report: Report{Path: l.path, Faults: []string{}, Through: l.through()}}
	err := l.view(c.check)
	var broken *damageError
	if errors.As(err, &broken) {
		c.report.faultf("%v", err)
		err = nil
	}
	return c.report, err
}

// checker is one Check.
type checker struct {
	ledger *Ledger
	ctx    context.Context
	report Report
	oldest int64 // minute
}

func (c *checker) check(tx *bbolt.Tx) error {
	c.report.Bytes = tx.Size()
	c.report.FreeBytes = int64(c.ledger.db.Stats().FreePageN) * int64(c.ledger.db.Info().PageSize)
	for _, r := range c.ledger.records {
		if r.Until > 0 {
			c.report.Ended++
		} else {
			c.report.Instances++
		}
	}
	return errors.Join(c.minutes(tx), c.hours(tx), c.periods(tx))
}

// each hands out a bucket's whole values, and reports the others.
func (c *checker) each(tx *bbolt.Tx, bucket []byte, what string, visit func(key, body []byte)) error {
	n := 0
	return each(tx, bucket, func(k, body []byte, err error) error {
		if n++; n%1000 == 0 && c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		if err != nil {
			c.report.faultf("%s %s: %v", what, readable(bucket, k), err)
			return nil
		}
		visit(k, body)
		return nil
	})
}

// readable is a key as people read it.
func readable(bucket, k []byte) string {
	switch {
	case len(k) == 4 && bytes.Equal(bucket, minutesBucket):
		return minuteTime(number(k)).Format(time.RFC3339)
	case len(k) == 4 && bytes.Equal(bucket, hoursBucket):
		return minuteTime(number(k) * hour).Format(time.RFC3339)
	}
	return fmt.Sprintf("%q", k)
}

func (c *checker) minutes(tx *bbolt.Tx) error {
	err := c.each(tx, minutesBucket, "minute", func(k, row []byte) {
		m := number(k)
		if c.report.Minutes == 0 {
			c.oldest, c.report.First = m, minuteTime(m)
		}
		c.report.Minutes++
		c.row("minute "+readable(minutesBucket, k), row, m)
	})
	if err == nil && int64(c.report.Minutes) != c.ledger.rowCount {
		c.report.faultf("%d minutes can be read of the %d that there should be", c.report.Minutes, c.ledger.rowCount)
	}
	return err
}

// row checks that a minute's row unpacks to instances that had begun.
func (c *checker) row(what string, row []byte, m int64) {
	all, err := entries(row)
	if err != nil {
		c.report.faultf("%s: %v", what, err)
	}
	for _, e := range all {
		switch {
		case int(e.id) >= len(c.ledger.records):
			c.report.faultf("%s: there is no instance %d", what, e.id)
		case c.ledger.away[e.id].at(m):
			c.report.faultf("%s: %s was absent", what, c.ledger.records[e.id].Instance)
		case m < c.ledger.records[e.id].First:
			c.report.faultf("%s: %s began only %s", what, c.ledger.records[e.id].Instance, minuteTime(c.ledger.records[e.id].First).Format(time.RFC3339))
		}
	}
}

// hours compares each hour with the sum of its minutes, if all of them are kept.
func (c *checker) hours(tx *bbolt.Tx) error {
	total := make(sums, len(c.ledger.records))
	var failed error
	err := c.each(tx, hoursBucket, "hour", func(k, row []byte) {
		c.report.Hours++
		if c.report.Minutes == 0 || number(k)*hour < c.oldest || failed != nil {
			return
		}
		clear(total)
		if failed = c.ledger.minutes(tx, number(k)*hour, (number(k)+1)*hour, nil, total.add); errors.Is(failed, errRow) {
			failed = nil // said of the minute
			return
		}
		if failed == nil && !bytes.Equal(total.row(), row) {
			c.report.faultf("hour %s: it is not the sum of its minutes", readable(hoursBucket, k))
		}
	})
	return errors.Join(err, failed)
}

func (c *checker) periods(tx *bbolt.Tx) error {
	return c.each(tx, periodsBucket, "closed period", func(k, body []byte) {
		c.report.Periods++
		if _, err := readClosed(body); err != nil {
			c.report.faultf("closed period %q: %v", k, err)
		}
	})
}
