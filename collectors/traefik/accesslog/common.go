package accesslog

import "bytes"

// commonLine reads a line of Traefik's common format:
//
//	client - user [21/Nov/2026:20:54:08 +0000] "GET /web/login HTTP/2.0" 200 4908 "-" "-" 1 "alpha@file" "http://10.0.0.7:8069" 972ms
//
// It is read from its end: what stands before the date may be anything, and a user's own text in
// quotes has its quotes escaped.
func commonLine(line []byte, r *request) bool {
	rest, ok := bytes.CutSuffix(bytes.TrimRight(line, " \r"), []byte("ms"))
	if !ok {
		return false
	}
	var took, count, size, status, router, ignored []byte
	for _, field := range []struct {
		to     *[]byte
		quoted bool
	}{
		{&took, false},
		{&ignored, true},
		{&router, true},
		{&count, false},
		{&ignored, true},
		{&ignored, true},
		{&size, false},
		{&status, false},
	} {
		if *field.to, rest, ok = lastField(rest, field.quoted); !ok {
			return false
		}
	}
	asked, rest, ok := lastField(rest, true)
	if !ok {
		return false
	}
	open := bytes.LastIndexByte(rest, '[')
	if open < 0 || rest[len(rest)-1] != ']' {
		return false
	}
	if r.at, ok = parseCommonTime(rest[open+1 : len(rest)-1]); !ok {
		return false
	}
	milliseconds, code := digits(took), digits(status)
	if len(took) == 0 || len(took) > 15 || milliseconds < 0 || len(status) == 0 || len(status) > 3 || code < 0 ||
		digits(count) < 0 || (digits(size) < 0 && string(size) != "-") {
		return false
	}
	r.duration, r.status = number{float64(milliseconds) * 1e6, true}, number{float64(code), true}
	if string(router) != "-" {
		r.router = text{router, true}
	}
	return r.asked(asked)
}

// asked reads a request as a client writes it: GET /web/login HTTP/2.0.
func (r *request) asked(line []byte) bool {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 {
		return false
	}
	r.method, r.path = text{line[:first], true}, text{line[first+1 : last], true}
	return true
}

// lastField cuts off the last field of a line and the space before it.
func lastField(line []byte, quoted bool) (field, rest []byte, ok bool) {
	if !quoted {
		i := bytes.LastIndexByte(line, ' ')
		if i < 1 {
			return nil, nil, false
		}
		return line[i+1:], line[:i], true
	}
	if len(line) < 4 || line[len(line)-1] != '"' {
		return nil, nil, false
	}
	for i := len(line) - 2; i > 1; i-- {
		if line[i] == '"' && !escaped(line[:i]) {
			return line[i+1 : len(line)-1], line[:i-1], line[i-1] == ' '
		}
	}
	return nil, nil, false
}

// escaped says whether what follows is escaped: an odd number of backslashes stands at the end.
func escaped(before []byte) bool {
	return (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1
}
