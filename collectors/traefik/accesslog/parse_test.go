package accesslog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/logtail"
)

// read is a request's fields by the names that Traefik gives them, those that are there.
func (r *request) read() map[string]any {
	all := map[string]any{}
	for name, t := range map[string]text{
		"RequestMethod": r.method, "RequestPath": r.path, "RequestHost": r.host, "RouterName": r.router, "ServiceName": r.service,
		"StartUTC": r.started, "time": r.logged,
	} {
		if t.there {
			all[name] = string([]rune(string(t.bytes))) // bytes that are no UTF-8 replaced, as encoding/json does
		}
	}
	for name, n := range map[string]number{
		"DownstreamStatus": r.status, "Duration": r.duration, "OriginDuration": r.backend, "RetryAttempts": r.retries,
	} {
		if n.there {
			all[name] = n.value
		}
	}
	return all
}

// reference reads an object as encoding/json does, key by key; ok is false where that refuses it.
func reference(line []byte) (all map[string]any, ok bool) {
	if trimmed := bytes.TrimLeft(line, " \t\r\n"); !json.Valid(line) || trimmed[0] != '{' {
		return nil, false
	}
	wanted := (&request{
		method: text{there: true}, path: text{there: true}, host: text{there: true}, router: text{there: true}, service: text{there: true},
		started: text{there: true}, logged: text{there: true},
		status: number{there: true}, duration: number{there: true}, backend: number{there: true}, retries: number{there: true},
	}).read()
	all = map[string]any{}
	d := json.NewDecoder(bytes.NewReader(line))
	_, err := d.Token()
	for err == nil && d.More() {
		var key json.Token
		if key, err = d.Token(); err != nil {
			break
		}
		var raw json.RawMessage
		if err = d.Decode(&raw); err != nil {
			break
		}
		name, _ := key.(string)
		switch wanted[name].(type) {
		case string:
			var value *string
			if err = json.Unmarshal(raw, &value); value != nil {
				all[name] = *value
			} else {
				delete(all, name)
			}
		case float64:
			var value *float64
			if err = json.Unmarshal(raw, &value); value != nil {
				all[name] = *value
			} else {
				delete(all, name)
			}
		}
	}
	return all, err == nil
}

// awkward are lines that are JSON, or nearly.
var awkward = []string{
	`{}`, ` { } `, `{"DownstreamStatus":200}`, `{"DownstreamStatus":2e2,"Duration":1.5E+9,"OriginDuration":-0.0}`,
	`{"RequestPath":"\/web\u002flogin\u003Fa=\ud83d\ude00\ud83d","RequestHost":"\"\\\b\f\n\r\t"}`,
	`{"RequestPath":"\ud83d\ude00x","RouterName":"\ud83dx\ude00"}`, `{"Duration":5,"Duration":null}`,
	`{"Request\u0050ath":"/x","RequestPath":"/y"}`, `{"RequestPath":"/x","RequestPath":null}`, `{"RequestPath":null,"RequestPath":"/x"}`,
	`{"RequestPath":7,"RequestPath":"/x"}`, `{"DownstreamStatus":"200"}`, `{"DownstreamStatus":true}`, `{"DownstreamStatus":null}`,
	`{"time":{"time":"x"},"time":"y"}`, `{"a":{"RequestPath":"/no","b":[1,{"c":[]}],"d":{}},"RequestPath":"/yes"}`,
	`{"a":[{"b":"]}"},"\"",[[],[[ ]]]],"time":"t"}`, `{"a":tru}`, `{"a":nul}`, `{"a":falsee}`, `{"a":true,"b":false,"c":null}`,
	`{"Duration":01}`, `{"Duration":-}`, `{"Duration":1.}`, `{"Duration":.5}`, `{"Duration":1e}`, `{"Duration":1e+}`, `{"Duration":+1}`,
	`{"Duration":1e400}`, `{"Duration":123456789012345678901234567890}`, `{"Duration":9007199254740993}`, `{"Duration":-17}`, `{"Duration":0e0}`,
	`{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":1e400}`,
	`{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12"}`, `{"a":"\`, `{"a":"`, "{\"a\":\"\x01\"}", "{\"a\":\"\x1f23456789\"}", "{\"a\":\"1234567\x00\"}",
	"{\"RequestPath\":\"\xff\xfe\xc3\"}", "{\"a\":\"\x7f\x80\"}", `{"a" : 1 , "RequestPath" : "/x" }`, "{\t\"a\":\r1}", `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`,
	`{"a":1}}`, `{"a":1} x`, `{"a":1}{"b":2}`, `[]`, `null`, `"x"`, `1`, ``, ` `, `{`, `{"a":[}`, `{"a":{]}`, `{"a":[1,]}`, `{"a":{"b":1,}}`, `{"a":{"b"}}`, `{"a":{b:1}}`,
	`{"RequestPath":"/web/login`, `{"RequestPath":"/web/login"`, `{"RequestPath":"/web/login",`,
}

// Whatever a line holds, the scanner reads what encoding/json reads, or both refuse.
func FuzzJSON(f *testing.F) {
	for _, line := range awkward {
		f.Add([]byte(line))
	}
	for line := range bytes.Lines(recording(f)) {
		if len(line)%7 == 0 {
			f.Add(line)
		}
	}
	f.Fuzz(requireAlike)
}

// requireAlike compares with the reference: at first sight, having met the line's keys, and having
// met others.
func requireAlike(t *testing.T, line []byte) {
	want, accepted := reference(line)
	var s scanner
	for _, before := range []string{"", "", `{"DownstreamStatus":200,"Duration":5,"RequestPath":"/x","RequestHost":"h","a":1}`} {
		s.object([]byte(before), &request{})
		var r request
		require.Equal(t, accepted, s.object(line, &r))
		if accepted {
			require.Equal(t, want, r.read())
		}
	}
}

func TestDeepNesting(t *testing.T) {
	for _, line := range []string{
		`{"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, `{"a":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`,
		`{"a":` + strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat("}", 10000) + `}`,
	} {
		requireAlike(t, []byte(line))
	}
}

// Every line of the recording is read as encoding/json reads it, in one scanner's life.
func TestRecordingIsReadExactly(t *testing.T) {
	var s scanner
	for line := range bytes.Lines(recording(t)) {
		want, accepted := reference(line)
		require.True(t, accepted)
		var r request
		require.True(t, s.object(line, &r))
		require.Equal(t, want, r.read())
		require.Less(t, len(s.keys), mostKeys)
	}
}

// Keys without end take no memory.
func TestKeysAreBounded(t *testing.T) {
	var s scanner
	for i := range 1000 {
		require.True(t, s.object(fmt.Appendf(nil, `{"k%d":1,"%s":2,"RequestPath":"/%d"}`, i, strings.Repeat("x", 1000+i), i), &request{}))
	}
	require.LessOrEqual(t, len(s.keys), mostKeys+1)
	var r request
	require.True(t, s.object([]byte(`{"new":1,"RequestPath":"/a","Duration":7,"RequestHost":"h"}`), &r))
	require.Equal(t, map[string]any{"RequestPath": "/a", "Duration": 7.0, "RequestHost": "h"}, r.read())
}

var commonForm = regexp.MustCompile(`(?s)^.*\[(\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "([^ ]+) (.+) [^ ]*" (\d{1,3}) (?:\d*|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" \d* "((?:[^"\\]|\\.)*)" "(?:[^"\\]|\\.)*" (\d{1,15})ms[ \r]*$`)

func TestCommonRecordingIsReadExactly(t *testing.T) {
	text, err := os.ReadFile("testdata/access.clf")
	require.NoError(t, err)
	n := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var p parser
		var r request
		require.Equal(t, kindRequest, p.parse(logtail.Line{Text: line, Whole: true}, &r), string(line))
		want := commonForm.FindSubmatch(line)
		require.NotNil(t, want, string(line))
		status, err := strconv.ParseFloat(string(want[4]), 64)
		require.NoError(t, err)
		took, err := strconv.ParseFloat(string(want[6]), 64)
		require.NoError(t, err)
		require.Equal(t, string(want[2]), string(r.method.bytes))
		require.Equal(t, string(want[3]), string(r.path.bytes))
		require.Equal(t, status, r.status.value)
		require.Equal(t, took*1e6, r.duration.value)
		require.Equal(t, string(want[5]) != "-", r.router.there)
		n++
	}
	require.Equal(t, 623, n)
}

// Whatever a line holds: a request of the common format is one for the reference, too, and a part
// of it.
func FuzzCommon(f *testing.F) {
	text, err := os.ReadFile("testdata/access.clf")
	require.NoError(f, err)
	for i, line := range bytes.Split(text, []byte("\n")) {
		if i%20 == 0 {
			f.Add(line)
		}
	}
	f.Add([]byte(`1.1.1.1 - a] "GET / HTTP/1.1" 200 [21/Nov/2026:20:54:08 +0130] "GET /a b\"c HTTP/2.0" 502 - "x\" \"y" "\\" 7 "r@file" "u" 5ms`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r request
		if commonLine(line, &r) {
			require.Regexp(t, `\[.*\] ".* .* .*" \d+ .* ".*" ".*" \d* ".*" ".*" \d+ms`, strings.ReplaceAll(string(line), "\n", " "))
			require.Contains(t, string(line), fmt.Sprintf(`"%s %s `, r.method.bytes, r.path.bytes))
			require.GreaterOrEqual(t, r.duration.value, 0.0)
		}
	})
}

func TestKinds(t *testing.T) {
	whole := `{"DownstreamStatus":200,"Duration":5,"RequestMethod":"GET","RequestPath":"/x"`
	common := `10.0.0.1 - - [21/Nov/2026:20:54:08 +0000] "GET /web/login HTTP/2.0" 200 4908 "-" "-" 1 "a@file" "http://10.0.0.7" 972ms`
	for _, c := range []struct {
		line string
		want kind
	}{
		{whole + `}`, kindRequest},
		{common, kindRequest},
		{common + "\r", kindRequest},
		{strings.Replace(common, `"-" "-"`, `"\\" "a\" \"b\\"`, 1), kindRequest},
		{`2026-11-21 19:37:53,936 19355 INFO tenant_north werkzeug: 127.0.0.1 - - "GET /web/login HTTP/1.1" 200 -`, kindForeign},
		{`10.0.0.1 - - [21/Nov/2026:20:54:08 +0000] "GET /web/login HTTP/2.0" 200 4908 "-" "curl"`, kindForeign}, // no duration
		{strings.Replace(common, "Nov", "Nev", 1), kindForeign},
		{strings.Replace(common, "+0000", "+9900", 1), kindForeign},
		{strings.Replace(common, "20:54", "20:64", 1), kindForeign},
		{strings.Replace(common, " 200 ", " 900 ", 1), kindImplausible},
		{strings.Replace(common, " 200 ", " - ", 1), kindForeign},
		{strings.Replace(common, "972ms", "ms", 1), kindForeign},
		{strings.Replace(common, "GET /web/login HTTP/2.0", "GET", 1), kindForeign},
		{`{"level":"error","msg":"no access log at all"}`, kindForeign},
		{`{"DownstreamStatus":200,"Duration":5,"RequestMethod":"GET"}`, kindIncomplete},
		{whole, kindBroken},
		{whole[:30], kindBroken},
		{whole + `,"OriginDuration":-5}`, kindImplausible},
		{whole + `,"Duration":-5}`, kindImplausible},
		{whole + `,"Duration":1e17}`, kindImplausible},
		{whole + `,"DownstreamStatus":2000}`, kindImplausible},
		{whole + `,"DownstreamStatus":200.5}`, kindImplausible},
		{whole + `,"DownstreamStatus":99}`, kindImplausible},
		{whole + `,"DownstreamStatus":0}`, kindRequest},
		{whole + `,"DownstreamStatus":1e300}`, kindImplausible},
		{whole + `,"RetryAttempts":-1}`, kindImplausible},
		{whole + `,"RetryAttempts":0.5}`, kindImplausible},
		{"\x7fELF\x02\x01\x01\x00", kindBinary},
		{"\x00\x00\x00" + whole + `}`, kindBinary},
		{"caf\xe9", kindBinary},
		{"\x1b[31mcoloured\x1b[0m", kindForeign},
		{"", kindEmpty},
		{" \t\r", kindEmpty},
	} {
		var p parser
		var r request
		require.Equal(t, kindNames[c.want], kindNames[p.parse(logtail.Line{Text: []byte(c.line), Whole: true}, &r)], c.line)
	}
	var p parser
	require.Equal(t, kindUnfinished, p.parse(logtail.Line{Text: []byte(whole + "}")}, &request{}))
	require.Equal(t, kindLong, p.parse(logtail.Line{Text: make([]byte, logtail.LongestLine)}, &request{}))
}

func TestTimes(t *testing.T) {
	const at = 1795294467 // 2026-11-21T20:54:27Z
	for _, c := range []struct {
		line string
		want int64
	}{
		{`"StartUTC":"2026-11-21T20:54:27.467287354Z"`, at + 3},
		{`"StartUTC":"2026-11-21T20:54:27Z","time":"2030-01-01T00:00:00Z"`, at + 3},
		{`"time":"2026-11-21T22:24:27+01:30"`, at},
		{`"time":"2026-11-21T20:24:27-00:30"`, at},
		{`"StartUTC":"yesterday","time":"2026-11-21T20:54:27Z"`, at},
		{`"time":"2026-13-21T20:54:27Z"`, 0},
		{`"time":"2026-11-21T24:54:27Z"`, 0},
		{`"time":"2026-11-21T20:54:27"`, 0},
		{`"time":"2026-11-21T20:54:27+0100"`, 0},
		{`"time":"2026-11-21T20:54:27.Zx"`, 0},
		{`"time":"20x6-11-21T20:54:27Z"`, 0},
		{`"time":""`, 0},
	} {
		var p parser
		var r request
		line := `{"DownstreamStatus":200,"Duration":3e9,"RequestMethod":"GET","RequestPath":"/x",` + c.line + `}`
		require.Equal(t, kindRequest, p.parse(logtail.Line{Text: []byte(line), Whole: true}, &r))
		require.Equal(t, c.want, r.at, c.line)
	}
	seconds, ok := parseCommonTime([]byte("21/Nov/2026:21:54:27 +0100"))
	require.True(t, ok)
	require.Equal(t, int64(at), seconds)
	seconds, ok = parseCommonTime([]byte("21/Nov/2026:15:54:27 -0500"))
	require.True(t, ok)
	require.Equal(t, int64(at), seconds)
	for _, text := range []string{"21/ovD/2026:21:54:27 +0100", "21/Nov/2026 21:54:27 +0100", "32/Nov/2026:21:54:27 +0100", "21/Nov/2026:21:54:27 +010"} {
		_, ok = parseCommonTime([]byte(text))
		require.False(t, ok, text)
	}
}
