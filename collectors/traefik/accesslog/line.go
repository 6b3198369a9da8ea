package accesslog

import (
	"bytes"

	"github.com/wardround/wardround/collectors/logtail"
)

// text and number are what a line says, or nothing.
type (
	text struct {
		bytes []byte
		there bool
	}
	number struct {
		value float64
		there bool
	}
)

// request is what is read of one line. Its texts are parts of the line and go with it.
type request struct {
	method, path, host text
	router, service    text
	started, logged    text // times as RFC 3339 writes them
	status             number
	duration, backend  number // nanoseconds; backend is Traefik's wait for the service
	retries            number
	at                 int64 // when it was answered, in seconds since 1970; 0 where the line does not say
}

// kind is what a line turned out to be. All but a request are left out of every other figure.
type kind uint8

const (
	kindRequest     kind = iota
	kindLong             // longer than any request should be
	kindUnfinished       // its end was never written
	kindBinary           // bytes that no log holds
	kindBroken           // begins as JSON and is none
	kindForeign          // of another program, or of another format
	kindIncomplete       // the fields that are needed are left out by Traefik's configuration
	kindImplausible      // a status or a time that no request has
	kindEmpty
	kinds
)

var kindNames = [kinds]string{
	"request", "long", "unfinished", "binary", "broken", "foreign", "incomplete", "implausible", "empty",
}

// longest a request can take, in nanoseconds: websockets last as long as a page is open.
const longest = 366 * 24 * 3600 * 1e9

// parser reads lines of both formats, whichever each is.
type parser struct{ json scanner }

// parse reads a line into r.
func (p *parser) parse(line logtail.Line, r *request) kind {
	*r = request{}
	if !line.Whole {
		if len(line.Text) >= logtail.LongestLine {
			return kindLong
		}
		return kindUnfinished
	}
	begin := bytes.TrimLeft(line.Text, " \t\r")
	switch {
	case len(begin) == 0:
		return kindEmpty
	case begin[0] == '{':
		if !p.json.object(line.Text, r) {
			return kindBroken
		}
		if !r.status.there {
			return kindForeign
		}
	case !commonLine(line.Text, r):
		if bytes.IndexFunc(line.Text, func(c rune) bool { return c < ' ' && c != '\t' && c != '\r' && c != '\x1b' || c == '\ufffd' }) >= 0 {
			return kindBinary
		}
		return kindForeign
	}
	return r.check()
}

// check says whether the request can be counted.
func (r *request) check() kind {
	s := r.status.value
	switch {
	case !r.path.there || !r.method.there || !r.duration.there:
		return kindIncomplete
	case s != float64(int(s)) || s != 0 && (s < 100 || s >= statuses),
		!(r.duration.value >= 0 && r.duration.value <= longest),
		r.backend.value < 0 || r.backend.value > longest,
		r.retries.value < 0 || r.retries.value > 1e6 || r.retries.value != float64(int(r.retries.value)):
		return kindImplausible
	}
	started, ok := parseRFC3339(r.started.bytes)
	if ok {
		r.at = started + int64(r.duration.value/1e9)
	} else if logged, ok := parseRFC3339(r.logged.bytes); ok {
		r.at = logged
	} else if r.at != 0 {
		r.at += int64(r.duration.value / 1e9)
	}
	return kindRequest
}

// cutQuery cuts the path where a query begins, and says whether there was none. What a query says
// is looked at by nobody.
func (r *request) cutQuery() (bare bool) {
	if i := bytes.IndexByte(r.path.bytes, '?'); i >= 0 {
		r.path.bytes = r.path.bytes[:i]
		return false
	}
	return true
}
