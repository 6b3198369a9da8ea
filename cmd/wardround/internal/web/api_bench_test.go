package web

import (
	"net/http"
	"testing"
)

// BenchmarkPages answers one page of a hundred of ten thousand instances, and what is dearer: their
// filters, and a page of a thousand.
func BenchmarkPages(b *testing.B) {
	c := newBareClient(b)
	c.state.Evaluations = fleet(b, 10_000)
	for name, query := range map[string]string{
		"first": "", "middle": "?cursor=" + cursorOf("instances", `login{tenant="clinic-04000"}`), "status": "?status=exhausted",
		"tenant": "?tenant=clinic-04000", "thousand": "?limit=1000",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := ask(c.handler, http.MethodGet, "/api/v1/instances"+query); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
