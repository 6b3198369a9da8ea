package traefik

import (
	"math"
	"time"
)

// habit tells whether errors are more than usual: of the last quarter of an hour, against what came
// before it, of which a day later half is forgotten.
type habit struct {
	now    load           // since the last visit
	recent [minutes]slice // a ring
	usual  load
	told   time.Time
}

// load is how many requests there were, and how many of them failed.
type load struct{ requests, failed float64 }

type slice struct {
	load
	minute int64 // since 1970; 0 for none
}

const (
	minutes  = 15
	halfLife = 24 * time.Hour
)

func (h *habit) count(n float64, failed bool) {
	h.now.requests += n
	if failed {
		h.now.failed += n
	}
}

// turn puts what was counted since the last visit into its place, and what grew old into what is usual.
func (h *habit) turn(now time.Time) {
	if !h.told.IsZero() {
		kept := math.Exp2(-max(0, now.Sub(h.told).Seconds()) / halfLife.Seconds())
		h.usual.requests *= kept
		h.usual.failed *= kept
	}
	h.told = now
	minute := now.Unix() / 60
	for i := range h.recent {
		if s := &h.recent[i]; s.minute != 0 && s.minute <= minute-minutes {
			h.usual.add(s.load)
			*s = slice{}
		}
	}
	s := &h.recent[minute%minutes]
	if s.minute != minute { // the clock was set back
		*s = slice{minute: minute}
	}
	s.add(h.now)
	h.now = load{}
}

func (l *load) add(o load) {
	l.requests += o.requests
	l.failed += o.failed
}

func (l load) share() float64 {
	if l.requests == 0 {
		return 0
	}
	return l.failed / l.requests
}

// unusual says whether the errors of the last quarter of an hour are a finding, and what they are.
// Where too little came before them, the least share that matters is taken to be usual.
func (h *habit) unusual(c Errors) (recent load, usual float64, is bool) {
	for _, s := range h.recent {
		recent.add(s.load)
	}
	usual = h.usual.share()
	if h.usual.requests < enough {
		usual = c.Share
	}
	return recent, usual, recent.failed >= c.Requests && recent.share() >= max(c.Share, c.Times*usual)
}

// enough requests show what is usual.
const enough = 1000
