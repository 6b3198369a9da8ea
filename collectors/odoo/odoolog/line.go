package odoolog

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// line is one line of the log that begins with a date: `date time,ms PID LEVEL DB LOGGER: message`.
type line struct {
	at       time.Time // the server's clock is UTC
	pid      string
	level    string
	database string // "" where there is none
	logger   string
	message  string
}

const stamp = "2006-01-02 15:04:05,000"

// colours are what Odoo writes when its log is a terminal.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// parseLine reads a line; false for what is none, such as a traceback.
func parseLine(text []byte) (line, bool) {
	if bytes.IndexByte(text, 0x1b) >= 0 {
		text = colours.ReplaceAll(text, nil)
	}
	s := strings.TrimRight(string(text), "\r\n")
	if len(s) <= len(stamp)+1 || s[len(stamp)] != ' ' || s[4] != '-' {
		return line{}, false
	}
	at, err := time.Parse(stamp, s[:len(stamp)])
	if err != nil {
		return line{}, false
	}
	l := line{at: at}
	rest := s[len(stamp)+1:]
	for _, field := range []*string{&l.pid, &l.level, &l.database} {
		var ok bool
		if *field, rest, ok = strings.Cut(rest, " "); !ok {
			return line{}, false
		}
	}
	var ok bool
	if l.logger, l.message, ok = strings.Cut(rest, ": "); !ok || strings.ContainsAny(l.logger, " \t") {
		return line{}, false
	}
	if _, err := strconv.ParseUint(l.pid, 10, 32); err != nil {
		return line{}, false
	}
	if l.database == "?" || l.database == "None" {
		l.database = ""
	}
	return l, true
}

// access is what Odoo says of one request that it answered.
type access struct {
	status  int
	socket  bool // a websocket or a long poll, which last as long as a page is open
	timed   bool
	queries uint64
	sql     float64 // seconds
	python  float64 // seconds, all that was not SQL
}

// parseAccess reads the message of a request:
//
//	127.0.0.1 - - [21/Nov/2026 19:48:22] "POST /jsonrpc HTTP/1.1" 200 - 90 0.162 0.732
func parseAccess(message string) (access, bool) {
	open := strings.Index(message, ` "`)
	end := strings.LastIndex(message, `" `)
	if open < 0 || end <= open+1 {
		return access{}, false
	}
	fields := strings.Fields(message[end+2:])
	if len(fields) < 2 {
		return access{}, false
	}
	status, err := strconv.Atoi(fields[0])
	if err != nil || status < 0 || status > 599 {
		return access{}, false
	}
	a := access{status: status}
	if request := strings.Fields(message[open+2 : end]); len(request) > 1 {
		a.socket = strings.HasPrefix(request[1], "/websocket") || strings.HasPrefix(request[1], "/longpolling/")
	}
	if len(fields) >= 5 {
		a.timed = a.times(fields[2], fields[3], fields[4])
	}
	return a, true
}

func (a *access) times(queries, sql, python string) bool {
	var errs [3]error
	a.queries, errs[0] = strconv.ParseUint(queries, 10, 32)
	a.sql, errs[1] = strconv.ParseFloat(sql, 64)
	a.python, errs[2] = strconv.ParseFloat(python, 64)
	return errs == [3]error{} && plausible(a.sql) && plausible(a.python)
}

// plausible says whether a number can be the seconds of a request.
func plausible(seconds float64) bool { return seconds >= 0 && seconds < 7*86400 }
