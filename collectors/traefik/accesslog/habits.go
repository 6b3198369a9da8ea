package accesslog

import (
	"encoding/binary"
	"encoding/json"
	"math"
)

// habits are how many requests are usual, by tenant and hour of the week: 1.2 kB for each tenant.
// They are a logtail.Memory: kept beside the place, over restarts.
type habits struct {
	tenants map[string]*habit
	hour    int64 // that is being counted, in hours since 1970; 0 before the first line
	whole   bool  // it is counted since it began
	since   int64 // nothing was missed since, in seconds since 1970
	now     int64
}

// habit is one tenant's.
type habit struct {
	usual  [week]float32   // requests in an hour, the mean of about the last four weeks
	weeks  [week]uint8     // of which that is known
	hour   uint32          // requests of the hour that is being counted
	recent [minutes]uint32 // by minute
	newest int64           // the newest minute of recent, since 1970
}

const (
	week      = 7 * 24 // hours
	mostWeeks = 4      // that count alike; older ones fade
	knownWell = 2      // weeks of which something can be said to be usual
	window    = 15     // minutes that are compared
	minutes   = 24     // that are kept: the window, and what another clock may be ahead
	sustained = 3      // times the usual is all that is learnt of an hour
)

func newHabits() *habits { return &habits{tenants: map[string]*habit{}} }

func (s *habits) of(tenant string) *habit {
	h := s.tenants[tenant]
	if h == nil {
		h = &habit{}
		s.tenants[tenant] = h
	}
	return h
}

// begin says what time it is.
func (s *habits) begin(now int64) {
	s.now = now
	if s.since == 0 || s.since > now {
		s.since = now
	}
	if s.hour > now/3600+1 { // kept under another clock
		s.hour, s.whole = 0, false
	}
}

// interrupted says that lines may be missing: the hour that is being counted teaches nothing.
func (s *habits) interrupted() { s.whole, s.since = false, s.now }

// count counts a request that was answered at the given time.
func (s *habits) count(h *habit, at int64) {
	if h == nil || at <= 0 || at > s.now+ahead {
		return
	}
	hour := at / 3600
	if hour > s.hour {
		s.turn(hour)
	}
	if hour == s.hour {
		h.hour++
	}
	h.count(at / 60)
}

// turn ends an hour. One without a line in the whole log is passed over: nothing ran.
func (s *habits) turn(next int64) {
	for _, h := range s.tenants {
		if s.whole {
			h.learn(s.hour)
		}
		h.hour = 0
	}
	s.whole = s.hour != 0
	s.hour = next
}

// learn takes the requests of an hour into its mean. An outlier does not become the usual at once.
func (h *habit) learn(hour int64) {
	i := hour % week
	n := float32(h.hour)
	if h.weeks[i] >= knownWell && h.usual[i] > 1 {
		n = min(n, sustained*h.usual[i])
	}
	h.weeks[i] = min(h.weeks[i]+1, mostWeeks)
	h.usual[i] += (n - h.usual[i]) / float32(h.weeks[i])
}

// count adds a request to its minute, if that is not long gone.
func (h *habit) count(minute int64) {
	h.advance(minute)
	if minute > h.newest-minutes {
		h.recent[minute%minutes]++
	}
}

// advance empties the minutes between the newest and a later one.
func (h *habit) advance(minute int64) {
	for n := min(minute-h.newest, minutes); n > 0; n-- {
		h.recent[(minute-n+1)%minutes] = 0
	}
	h.newest = max(h.newest, minute)
}

// compare is how many requests there were in the last quarter of an hour, and how many are usual.
// ok is false where that is not known.
func (s *habits) compare(h *habit) (recent uint64, usual float64, ok bool) {
	if s.now-s.since < window*60 {
		return 0, 0, false
	}
	minute := s.now / 60
	h.advance(minute)
	for m := minute - window + 1; m <= minute; m++ {
		recent += uint64(h.recent[m%minutes])
	}
	seconds := (window-1)*60 + s.now%60
	here := min(seconds, s.now%3600)
	hour := s.now / 3600
	for _, part := range [2]struct{ hour, seconds int64 }{{hour, here}, {hour - 1, seconds - here}} {
		i := part.hour % week
		if part.seconds > 0 && h.weeks[i] < knownWell {
			return 0, 0, false
		}
		usual += float64(h.usual[i]) * float64(part.seconds) / 3600
	}
	return recent, usual, true
}

// kept is how the habits are written down.
type kept struct {
	Hour    int64                `json:"hour"`
	Whole   bool                 `json:"whole"`
	Since   int64                `json:"since"`
	Tenants map[string]keptHabit `json:"tenants"`
}

type keptHabit struct {
	Usual  []byte          `json:"usual"` // float32, little endian, hour by hour
	Weeks  []byte          `json:"weeks"`
	Hour   uint32          `json:"hour"`
	Recent [minutes]uint32 `json:"recent"`
	Newest int64           `json:"newest"`
}

// MarshalJSON leaves out of whom nothing is known.
func (s *habits) MarshalJSON() ([]byte, error) {
	all := kept{Hour: s.hour, Whole: s.whole, Since: s.since, Tenants: make(map[string]keptHabit, len(s.tenants))}
	for name, h := range s.tenants {
		k := keptHabit{Weeks: h.weeks[:], Hour: h.hour, Recent: h.recent, Newest: h.newest}
		known := h.hour > 0
		for _, usual := range h.usual {
			known = known || usual > 0.01
			k.Usual = binary.LittleEndian.AppendUint32(k.Usual, math.Float32bits(usual))
		}
		if known {
			all.Tenants[name] = k
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON takes back what can be used.
func (s *habits) UnmarshalJSON(text []byte) error {
	var all kept
	if err := json.Unmarshal(text, &all); err != nil {
		return nil //nolint:nilerr // of another version: habits are learnt anew
	}
	s.hour, s.whole, s.since = max(0, all.Hour), all.Whole, max(0, all.Since)
	for name, k := range all.Tenants {
		if len(k.Usual) != 4*week || len(k.Weeks) != week || k.Newest < 0 {
			continue
		}
		h := s.of(name)
		*h = habit{hour: k.Hour, recent: k.Recent, newest: k.Newest}
		for i := range h.usual {
			usual := math.Float32frombits(binary.LittleEndian.Uint32(k.Usual[4*i:]))
			if usual >= 0 && usual < math.MaxUint32 {
				h.usual[i], h.weeks[i] = usual, min(k.Weeks[i], mostWeeks)
			}
		}
	}
	s.begin(s.now)
	return nil
}
