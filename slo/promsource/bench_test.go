package promsource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// BenchmarkRead reads an hour of 6,000 series scraped every 15 seconds, which an
// API answers at once: the cost of reading, in samples per second.
func BenchmarkRead(b *testing.B) {
	api, samples := canned(b, 1000)
	c := fleet("http://fleet.example")
	c.MaxSamples = 10_000_000
	s := sourceOver(b, &fakeAPI{}, c)
	s.client.http = &http.Client{Transport: api}
	r := newReader(s)
	r.chunk = time.Hour
	r.plan, r.next = s.plan.Load(), at(0)
	engine, err := s.newEngine(r.plan)
	require.NoError(b, err)
	r.engine = engine
	b.ReportAllocs()
	for b.Loop() {
		r.next = at(0)
		next, err := r.advance(b.Context(), at(60), discard)
		require.NoError(b, err)
		require.Equal(b, at(60), next)
	}
	b.ReportMetric(float64(samples*b.N)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkReadMinute is what following the present costs each minute.
func BenchmarkReadMinute(b *testing.B) {
	api, _ := canned(b, 1000)
	c := fleet("http://fleet.example")
	c.MaxSamples = 10_000_000
	s := sourceOver(b, &fakeAPI{}, c)
	s.client.http = &http.Client{Transport: api.minute(b)}
	r := newReader(s)
	r.plan, r.next = s.plan.Load(), at(0)
	engine, err := s.newEngine(r.plan)
	require.NoError(b, err)
	r.engine = engine
	for b.Loop() {
		r.next = at(0)
		_, err := r.advance(b.Context(), at(1), discard)
		require.NoError(b, err)
	}
}

// cannedAPI answers each query with what it was last answered.
type cannedAPI map[string][]byte

func (c cannedAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(r.Form.Get("query"), "{")
	name, _, _ = strings.Cut(name, "[")
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c[name]))}, nil
}

// minute keeps of each series the first minute.
func (c cannedAPI) minute(b *testing.B) cannedAPI {
	b.Helper()
	short := cannedAPI{}
	for name, body := range c {
		var series []string
		a := &answer{each: func(s stream) error {
			metric, err := json.Marshal(s.Metric)
			var values []string
			for _, p := range s.Values[:4] {
				values = append(values, fmt.Sprintf(`[%d.%03d,"%g"]`, p.at/1000, p.at%1000, p.value))
			}
			series = append(series, fmt.Sprintf(`{"metric":%s,"values":[%s]}`, metric, strings.Join(values, ",")))
			return err
		}}
		require.NoError(b, a.read(bytes.NewReader(body)))
		short[name] = []byte(fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(series, ",")))
	}
	return short
}

// canned is an hour of some targets, one for each tenant.
func canned(b *testing.B, targets int) (api cannedAPI, samples int) {
	b.Helper()
	h := &history{}
	for target := range targets {
		labels := func(name string, more ...string) map[string]string {
			all := map[string]string{
				"__name__": name, "tenant": fmt.Sprintf("clinic-%04d", target), "instance": fmt.Sprintf("10.0.%d.%d:8069", target/250, target%250),
				"job": "odoo", "region": "eu-central", "namespace": "odoo-production",
			}
			for i := 0; i < len(more); i += 2 {
				all[more[i]] = more[i+1]
			}
			return all
		}
		for k, l := range []map[string]string{
			labels("requests_total", "code", "200"), labels("requests_total", "code", "500"), labels("requests_total", "code", "404"),
			labels("login_seconds_bucket", "le", "0.5"), labels("login_seconds_bucket", "le", "+Inf"), labels("lag_seconds"),
		} {
			r := &raw{labels: l}
			for i := range 240 {
				r.points = append(r.points, point{noon.UnixMilli() + int64(i)*15_000 + int64(target*7%15_000), float64(100_000 + i*(k+1)*3)})
			}
			h.series = append(h.series, r)
			samples += len(r.points)
		}
	}
	api = cannedAPI{}
	f := &fakeAPI{history: h}
	for _, name := range []string{"requests_total", "login_seconds_bucket", "lag_seconds"} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(name + "[1h]")
		require.NoError(b, err)
		result := f.selected(expr.(*parser.MatrixSelector), noon.UnixMilli(), at(60).UnixMilli())
		api[name] = []byte(fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(result, ",")))
	}
	return api, samples
}
