package promsource

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// fakeAPI answers range selectors over a history as Prometheus does, without a
// network: it is an http.RoundTripper.
type fakeAPI struct {
	history  *history
	leftOpen bool             // ranges exclude their begin, as from Prometheus 3 on
	now      func() time.Time // nil: all of the history is there
	answer   http.HandlerFunc // answers instead, if set; by instead while queries run

	mu      sync.Mutex
	queries []string
	samples int
}

// RoundTrip is http.RoundTripper's.
func (f *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		answer = f.serve
	}
	answer(w, r)
	return w.Result(), nil
}

// instead answers from now on; nil lets the history be answered again.
func (f *fakeAPI) instead(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Form.Get("query"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	seconds, err := strconv.ParseFloat(r.Form.Get("time"), 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	selector := expr.(*parser.MatrixSelector)
	end := int64(seconds*1000 + 0.5)
	result := f.selected(selector, end-selector.Range.Milliseconds(), end)
	f.mu.Lock()
	f.queries = append(f.queries, r.Form.Get("query"))
	f.mu.Unlock()
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(result, ","))
}

func (f *fakeAPI) selected(selector *parser.MatrixSelector, begin, end int64) []string {
	var result []string
	for _, s := range f.history.series {
		if !matches(selector.VectorSelector.(*parser.VectorSelector), s.labels) {
			continue
		}
		var values []string
		for _, p := range s.points {
			arrived := f.now == nil || p.at <= f.now().UnixMilli()
			if arrived && p.at <= end && (p.at > begin || p.at == begin && !f.leftOpen) {
				values = append(values, fmt.Sprintf(`[%d.%03d,"%g"]`, p.at/1000, p.at%1000, p.value))
			}
		}
		if len(values) > 0 {
			metric, _ := json.Marshal(s.labels)
			result = append(result, fmt.Sprintf(`{"metric":%s,"values":[%s]}`, metric, strings.Join(values, ",")))
		}
		f.samples += len(values)
	}
	return result
}

func matches(selector *parser.VectorSelector, labels map[string]string) bool {
	for _, m := range selector.LabelMatchers {
		if !m.Matches(labels[m.Name]) {
			return false
		}
	}
	return true
}

// fleet is the configuration of the source of testdata/objectives.yaml.
func fleet(url string) Config {
	c := DefaultConfig()
	c.Name, c.URL = "fleet", url
	return c
}

func newSource(t testing.TB, c Config) *Source {
	t.Helper()
	s, err := New(c, promises(t), Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// sourceOver reads a fake API.
func sourceOver(t testing.TB, api *fakeAPI, c Config) *Source {
	t.Helper()
	s := newSource(t, c)
	s.client.http = &http.Client{Transport: api}
	return s
}
