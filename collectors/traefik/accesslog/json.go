package accesslog

import "bytes"

// scanner reads the few keys that are wanted of a line of JSON, and checks all of it: what
// encoding/json refuses is refused here. Of keys that stand twice the last counts, and null is as
// good as absent. It takes no memory but for texts with escapes, which it keeps in one place that is
// used again for the next line.
type scanner struct {
	text  []byte
	plain []byte // texts without their escapes
	keys  []key  // those that were met; the first is none
}

// key is a key as it stands in a line, its quotes and colon included. Traefik writes the same keys
// in the same order: that the one is there which followed the last time is seen at one glance.
type key struct {
	raw   []byte
	field field
	next  int // the one that followed
}

// field is what of a request a key holds.
type field uint8

const (
	fieldNone field = iota
	fieldStatus
	fieldDuration
	fieldBackend
	fieldRetries
	fieldMethod
	fieldPath
	fieldHost
	fieldRouter
	fieldService
	fieldStarted
	fieldLogged
)

func fieldOf(key []byte) field {
	switch string(key) {
	case "DownstreamStatus":
		return fieldStatus
	case "Duration":
		return fieldDuration
	case "OriginDuration":
		return fieldBackend
	case "RetryAttempts":
		return fieldRetries
	case "RequestMethod":
		return fieldMethod
	case "RequestPath":
		return fieldPath
	case "RequestHost":
		return fieldHost
	case "RouterName":
		return fieldRouter
	case "ServiceName":
		return fieldService
	case "StartUTC":
		return fieldStarted
	case "time":
		return fieldLogged
	}
	return fieldNone
}

const (
	deepest    = 10000 // values within values, as in encoding/json
	bad        = -1    // a place in a text that is not JSON
	mostKeys   = 64    // that are remembered
	longestKey = 64    // bytes
)

// object reads the line into r, whose texts are valid until the next line is read. ok is false if
// the line is not one JSON object, or a key that is wanted holds something of another type.
func (s *scanner) object(text []byte, r *request) (ok bool) {
	s.text, s.plain = text, s.plain[:0]
	i := s.space(0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	i = s.members(i, r)
	return i != bad && s.space(i) == len(text)
}

// members reads the members of the object that begins at i.
func (s *scanner) members(i int, r *request) int {
	i = s.space(i + 1)
	if i < len(s.text) && s.text[i] == '}' {
		return i + 1
	}
	for last := 0; i < len(s.text) && s.text[i] == '"'; {
		if last, i = s.key(last, i); i == bad {
			return bad
		}
		if i = s.member(s.keys[last].field, s.space(i), r); i == bad {
			return bad
		}
		i = s.space(i)
		if i == len(s.text) {
			return bad
		}
		if s.text[i] == '}' {
			return i + 1
		}
		if s.text[i] != ',' {
			return bad
		}
		i = s.space(i + 1)
	}
	return bad
}

// key reads the key at i and its colon. It is one of s.keys, most likely the one that followed the
// last key before.
func (s *scanner) key(last, i int) (int, int) {
	if s.keys == nil {
		s.keys = make([]key, 1, mostKeys+1)
	}
	if next := s.keys[last].next; next > 0 && bytes.HasPrefix(s.text[i:], s.keys[next].raw) {
		return next, i + len(s.keys[next].raw)
	}
	name, end := s.string(i)
	if end == bad {
		return 0, bad
	}
	if end = s.colon(end); end == bad {
		return 0, bad
	}
	n := s.remember(s.text[i:end], fieldOf(name))
	s.keys[last].next = n
	return n, end
}

// remember is the number of a key. Those for which there is no room share the first, which is
// nobody's next.
func (s *scanner) remember(raw []byte, f field) int {
	for n := 1; n < len(s.keys); n++ {
		if bytes.Equal(s.keys[n].raw, raw) {
			return n
		}
	}
	if len(s.keys) > mostKeys || len(raw) > longestKey {
		s.keys[0].field = f
		return 0
	}
	s.keys = append(s.keys, key{raw: bytes.Clone(raw), field: f})
	return len(s.keys) - 1
}

// colon passes over what stands between a key and its value's place.
func (s *scanner) colon(i int) int {
	if i = s.space(i); i == len(s.text) || s.text[i] != ':' {
		return bad
	}
	return i + 1
}

// member reads one value.
func (s *scanner) member(f field, i int, r *request) int {
	switch f {
	case fieldStatus:
		return s.wantNumber(i, &r.status)
	case fieldDuration:
		return s.wantNumber(i, &r.duration)
	case fieldBackend:
		return s.wantNumber(i, &r.backend)
	case fieldRetries:
		return s.wantNumber(i, &r.retries)
	case fieldMethod:
		return s.wantString(i, &r.method)
	case fieldPath:
		return s.wantString(i, &r.path)
	case fieldHost:
		return s.wantString(i, &r.host)
	case fieldRouter:
		return s.wantString(i, &r.router)
	case fieldService:
		return s.wantString(i, &r.service)
	case fieldStarted:
		return s.wantString(i, &r.started)
	case fieldLogged:
		return s.wantString(i, &r.logged)
	}
	return s.value(i, 1)
}

func (s *scanner) wantString(i int, to *text) int {
	if i < len(s.text) && s.text[i] == '"' {
		to.there = true
		to.bytes, i = s.string(i)
		return i
	}
	*to = text{}
	return s.null(i)
}

func (s *scanner) wantNumber(i int, to *number) int {
	if i < len(s.text) && (s.text[i] == '-' || isDigit(s.text[i])) {
		end, whole := s.number(i)
		if end == bad {
			return bad
		}
		if to.value, to.there = parseNumber(s.text[i:end], whole); !to.there {
			return bad
		}
		return end
	}
	*to = number{}
	return s.null(i)
}
