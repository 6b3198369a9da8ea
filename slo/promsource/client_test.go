package promsource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

const empty = `{"status":"success","data":{"resultType":"matrix","result":[]}}`

// TestAnswers reads what servers, and those between, answer when all is not well.
func TestAnswers(t *testing.T) {
	warned := `{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["store eu-1 is away"]}`
	cases := map[string]struct {
		status int
		body   string
		reason Reason // "" where it is an answer
		text   string
	}{
		"nothing there":         {200, empty, "", ""},
		"null":                  {200, `{"status":"success","data":{"resultType":"matrix","result":null}}`, "", ""},
		"more than we know":     {200, `{"stats":{"a":[1]},"data":{"x":{},"result":[],"resultType":"matrix"},"infos":["i"],"status":"success"}`, "", ""},
		"Thanos, partial":       {200, warned, ReasonPartial, "store eu-1 is away"},
		"VictoriaMetrics":       {200, `{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}}`, ReasonPartial, "isPartial"},
		"a vector":              {200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}`, ReasonProtocol, "matrix"},
		"error with 200":        {200, `{"status":"error","errorType":"x","error":"odd"}`, ReasonProtocol, "odd"},
		"a result of one":       {200, `{"status":"success","data":{"resultType":"matrix","result":7}}`, ReasonProtocol, "a result of 7"},
		"a login page":          {200, `<html>please log in</html>`, ReasonProtocol, "invalid character"},
		"an array":              {200, `[]`, ReasonProtocol, "instead of an object"},
		"odd sample":            {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,2]]}]}}`, ReasonProtocol, "a sample is"},
		"odd time":              {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["x","2"]]}]}}`, ReasonProtocol, "a sample"},
		"odd value":             {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"two"]]}]}}`, ReasonProtocol, "value"},
		"cut":                   {200, empty[:40], ReasonUnreachable, "EOF"},
		"bad query":             {400, `{"status":"error","errorType":"bad_data","error":"1:5: parse error"}`, ReasonRejected, "400 Bad Request: 1:5: parse error"},
		"no such tenant":        {401, "no org id", ReasonRejected, "401 Unauthorized: no org id"},
		"forbidden":             {403, "<html>", ReasonRejected, "403 Forbidden"},
		"not here":              {404, "404 page not found", ReasonRejected, "404 Not Found"},
		"too many samples":      {422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`, ReasonTooMuch, "too many samples"},
		"Mimir's limit":         {400, `{"status":"error","errorType":"bad_data","error":"the query exceeded the maximum number of chunks"}`, ReasonTooMuch, "exceeded"},
		"too often":             {429, "", ReasonServer, "429 Too Many Requests"},
		"failed":                {500, `{"status":"error","errorType":"internal","error":"disk"}`, ReasonServer, "disk"},
		"gone":                  {503, "<html>", ReasonServer, "503 Service Unavailable"},
		"gave up":               {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, ReasonTimeout, "query timed out"},
		"gave up on its behalf": {504, "", ReasonTimeout, "504 Gateway Timeout"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			api := &fakeAPI{answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}}
			s := sourceOver(t, api, fleet("http://fleet.example"))
			_, err := s.Read(t.Context(), at(0), at(1), discard)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.text)
			require.ErrorContains(t, err, "ask source fleet for ")
			require.Equal(t, c.reason, ReasonOf(err))
			require.Contains(t, Reasons(), c.reason)
		})
	}
}

// TestAcceptPartial takes warned answers where that was asked for, asks no server
// to be strict, and says once what was warned of.
func TestAcceptPartial(t *testing.T) {
	var log bytes.Buffer
	c := fleet("http://fleet.example")
	c.AcceptPartial = true
	s, err := New(c, promises(t), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	s.client.http = &http.Client{Transport: &fakeAPI{answer: func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("partial_response") != "" {
			t.Error("asks to be strict")
		}
		fmt.Fprint(w, strings.Replace(empty, "{", `{"warnings":["store eu-1 is away"],`, 1))
	}}}
	_, err = s.Read(t.Context(), at(0), at(3), discard)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(log.String(), "store eu-1 is away; store eu-1 is away; store eu-1 is away"), log.String())
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
}

// TestRequest is what a server is asked.
func TestRequest(t *testing.T) {
	var asked []string
	s := sourceOver(t, &fakeAPI{answer: func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && len(asked) == 0 {
			w.WriteHeader(http.StatusMethodNotAllowed)
			asked = append(asked, "refused")
			return
		}
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.FormValue("query")+" "+r.Form.Encode())
		fmt.Fprint(w, empty)
	}}, fleet("http://fleet.example/prom/"))
	_, err := s.client.samples(t.Context(), query{metrics: []string{"up"}}, at(0), at(5), nil)
	require.NoError(t, err)
	require.Equal(t, []string{
		"refused",
		"GET /prom/api/v1/query up[5m] deny_partial_response=1&partial_response=false&query=up%5B5m%5D&time=1773230699.999&timeout=30s",
	}, asked, "a proxy that lets nobody post is asked by GET")
}

// TestSlowAnswers gives up on a server that does not answer, or stops halfway.
func TestSlowAnswers(t *testing.T) {
	stuck := func(t *testing.T, before string) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource(t, fleet("http://fleet.example"))
			s.client.http = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if before == "" {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				w := httptest.NewRecorder()
				w.WriteHeader(http.StatusOK)
				response := w.Result()
				response.Body = &stalled{strings.NewReader(before), r.Context()}
				return response, nil
			})}
			began := time.Now()
			_, err := s.Read(t.Context(), at(0), at(1), discard)
			require.Equal(t, ReasonTimeout, ReasonOf(err))
			require.ErrorContains(t, err, "no answer within 30s")
			require.Equal(t, 30*time.Second, time.Since(began))
		})
	}
	t.Run("at all", func(t *testing.T) { stuck(t, "") })
	t.Run("halfway", func(t *testing.T) { stuck(t, empty[:30]) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stalled is a body that ends with its request.
type stalled struct {
	*strings.Reader
	ctx context.Context
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.Len() > 0 {
		return s.Reader.Read(p)
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s *stalled) Close() error { return nil }

// TestLimits ends what is too much: never by half, and with what to do.
func TestLimits(t *testing.T) {
	h := generate(5, 60)
	small := func(change func(*Config)) error {
		c := fleet("http://fleet.example")
		change(&c)
		_, err := sourceOver(t, &fakeAPI{history: h}, c).Read(t.Context(), at(0), at(60), discard)
		return err
	}
	err := small(func(c *Config) { c.MaxSeries = 20 })
	require.ErrorContains(t, err, "more than 20 series: narrow the selectors, or raise max_series")
	require.Equal(t, ReasonTooMuch, ReasonOf(err))
	require.NoError(t, small(func(c *Config) { c.MaxSeries = 36 }))

	for i := range 3000 {
		h.series[0].points = append(h.series[0].points, point{at(60).UnixMilli() + int64(i), 1})
	}
	c := fleet("http://fleet.example")
	c.MaxSamples = 1000
	_, err = sourceOver(t, &fakeAPI{history: h}, c).Read(t.Context(), at(60), at(61), discard)
	require.ErrorContains(t, err, "max_samples")
	require.Equal(t, ReasonTooMuch, ReasonOf(err))

	body := &bounded{strings.NewReader(strings.Repeat("x", 100)), 50}
	_, err = new(bytes.Buffer).ReadFrom(body)
	require.ErrorIs(t, err, errTooLong)
}

func TestPoints(t *testing.T) {
	var p points
	require.NoError(t, json.Unmarshal([]byte(` [ [1773230699.999,"1"] , [ 1773230700, "+Inf" ],[1773230700.5,"1e+06"],[1,"-0.25"] ]`), &p))
	require.Equal(t, "[{1773230699999 1} {1773230700000 +Inf} {1773230700500 1e+06} {1000 -0.25}]", fmt.Sprint(p))
	require.NoError(t, json.Unmarshal([]byte(`[]`), &p))
	require.Empty(t, p)
}

// FuzzAnswer reads any answer without harm; what it reads is what json reads.
func FuzzAnswer(f *testing.F) {
	f.Add(empty)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1.5,"2"],[2,"NaN"]]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var samples int
		a := &answer{each: func(s stream) error {
			samples += len(s.Values)
			return nil
		}}
		if a.read(strings.NewReader(text)) != nil {
			return
		}
		var whole struct {
			Data struct {
				Result []struct{ Values [][]any }
			}
		}
		if json.Unmarshal([]byte(text), &whole) == nil && strings.Count(text, `"data"`) == 1 && strings.Count(text, `"result"`) == 1 {
			want := 0
			for _, r := range whole.Data.Result {
				want += len(r.Values)
			}
			require.Equal(t, want, samples)
		}
	})
}

// TestBatches is one query for each indicator.
func TestBatches(t *testing.T) {
	api := &fakeAPI{history: generate(1, 10)}
	s := sourceOver(t, api, fleet("http://fleet.example"))
	require.Equal(t, []string{"lag", "login", "requests"}, s.Objectives())
	_, err := s.Read(t.Context(), at(5), at(6), discard)
	require.NoError(t, err)
	asked := api.queries[len(api.queries)-3:]
	require.Equal(t, []string{
		`requests_total{job="odoo"}[1m]`,
		`login_seconds_bucket{le=~"0\\.50*|0\\.5|\\+Inf"}[1m]`,
		`lag_seconds[1m]`,
	}, asked)
	require.Equal(t, model.Duration(time.Minute), s.config.Delay)
}
