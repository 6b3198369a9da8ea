package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// looks is what is remembered of the looks at statements. The server takes ten times as long for one
// as for all else that tells the use of databases, so that there is one in each second round while
// all is quiet. As soon as somebody waits or takes more of something than usual there is one in
// each round.
type looks struct {
	at        time.Time // of the last one that went well
	known     bool      // it told what was done since the one before
	waited    bool      // somebody waited in the last round
	entries   int
	info      answer
	forgotten float64 // how often the server forgot statements since the one before
}

// look is what one look brought.
type look struct {
	entries, info answer
	err           error // why there is none
}

// lookAtStatements asks for the statistics of statements, where the extension is there: that was
// asked just now, or is known. The error is of the connection. The caller holds asking.
func (c *Cluster) lookAtStatements(ctx context.Context, extension []answer) (*look, error) {
	l := &look{}
	questions := c.session.entries
	if len(extension) > 0 {
		questions, l.err = extension[0].questionsOfStatements()
	}
	if questions == nil {
		return l, nil
	}
	answers, err := c.exchange(ctx, func(*session) []question { return questions.all() })
	if err != nil {
		return nil, err
	}
	l.entries, l.info = answers[0], answers[1]
	c.session.entries = questions
	if l.err = Classify(l.entries.err); l.err != nil {
		c.session.entries = nil
		if strings.Contains(l.err.Error(), "shared_preload_libraries") {
			l.err = collectors.Because(collectors.ReasonMissing, l.err)
		}
	}
	return l, nil
}

// mayRest says whether a round can do without a look: the one before had one, nobody waited in it,
// and nobody takes more than usual.
func (r *useRound) mayRest() bool {
	l := &r.looks
	return l.known && l.at.Equal(r.at) && !l.waited && !r.neighbours.stirred(r.databases)
}

// readStatements takes in a look, or has what the last one told stand where there was none.
func (r *useRound) readStatements(l *look) {
	if l == nil {
		r.rest()
		r.setStatements()
		return
	}
	var did map[uint32]*grown
	if l.err == nil {
		did, l.err = r.statements.take(l.entries.table, r.started)
	}
	if l.err != nil {
		r.Unavailable("statements", collectors.ReasonOf(l.err), l.err)
	}
	rested := r.looks.known && !r.looks.at.Equal(r.at)
	r.lacking[executionTime], r.lacking[walBytes] = did == nil, did == nil
	if elapsed := r.At().Sub(r.looks.at).Seconds(); elapsed > 0 {
		r.setGrown(did, elapsed)
	}
	if r.looks.known = did != nil; r.looks.known && rested {
		r.neighbours.amend(r.databases)
	}
	if l.err != nil {
		return
	}
	r.looks.at, r.looks.entries, r.looks.info = r.At(), len(l.entries.table.rows), l.info
	r.looks.forgotten = 0
	if dealloc, ok := l.info.table.first().number("dealloc"); ok {
		r.looks.forgotten = r.statements.evictions.take(dealloc)
	}
	r.setStatements()
}

// setGrown turns what statements did in so many seconds into use by the second.
func (r *useRound) setGrown(did map[uint32]*grown, elapsed float64) {
	for oid, g := range did {
		if used, there := r.databases[oid]; there {
			used.usage[executionTime] = g.amounts[amountSeconds] / elapsed
			used.usage[walBytes] = g.amounts[amountWAL] / elapsed
			used.pace = g.pace
			r.databases[oid] = used
		}
	}
}

// rest has each database's statements go on as in the round before.
func (r *useRound) rest() {
	n := &r.neighbours
	for oid, used := range r.databases {
		if c := n.consumers[oid]; c != nil {
			for _, of := range ofStatementsOnly {
				used.usage[of] = c.window[n.last()][of]
			}
			r.databases[oid] = used
		}
	}
}

// setStatements tells what was counted up to the last look.
func (r *useRound) setStatements() {
	r.Set(metricStatements, float64(r.looks.entries))
	for oid, total := range r.statements.databases {
		used, there := r.databases[oid]
		if !there {
			delete(r.statements.databases, oid)
			continue
		}
		for i, c := range countedAmounts {
			if c.database != nil {
				r.SetFor(r.tenant(used.name), c.database, total[i], used.name)
			}
		}
	}
	for _, s := range r.statements.slots.holders {
		name := r.databases[s.database].name
		for i, c := range countedAmounts {
			if c.statement != nil {
				r.SetFor(r.tenant(name), c.statement, s.total[i], s.role, name, fmt.Sprint(s.query))
			}
		}
	}
	if err := Classify(r.looks.info.err); err != nil {
		r.Unavailable("statements_info", collectors.ReasonOf(err), err)
		return
	}
	line := r.looks.info.table.first()
	r.set(metricStatementsMax, line, "max")
	r.set(metricStatementsReset, line, "reset")
	if _, ok := line.number("dealloc"); ok {
		r.Set(metricEvictions, r.statements.evictions.total)
		r.findEvictions(line)
	}
}

// findEvictions says that the server has too little room for statements: it forgets a twentieth of
// them each time.
func (r *useRound) findEvictions(line row) {
	if r.looks.forgotten == 0 {
		return
	}
	r.Find(collectors.Finding{
		Name: "statements_forgotten", Question: collectors.Healthy, Severity: collectors.Info,
		Text: fmt.Sprintf("the server forgot the least used statements %.0f times within a round or two, because it has room for %s: "+
			"what they did meanwhile is not counted; raise pg_stat_statements.max", r.looks.forgotten, line.text("max")),
	})
}
