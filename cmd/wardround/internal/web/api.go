package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"
)

// openAPI describes everything below /api/v1; tests hold every answer against it.
//
//go:embed openapi.yaml
var openAPI []byte

// endpoint makes an answer of what was asked. Its errors are Faults, or our own and then told to
// the log alone.
type endpoint func(r *http.Request, p *parameters) (answer any, err error)

// api serves /api/v1. Whatever it answers is JSON, except its own description.
func (s *server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/openapi.yaml", describe)
	for route, e := range map[string]endpoint{
		"GET /api/v1/tenants":    s.tenants,
		"GET /api/v1/objectives": s.objectives,
		"GET /api/v1/instances":  s.instances,
		"GET /api/v1/budgets":    s.budgets,
		"GET /api/v1/alerts":     s.alerts,
	} {
		mux.HandleFunc(route, s.get(e))
	}
	if s.Record != nil {
		mux.HandleFunc("GET /api/v1/history", s.get(s.history))
		mux.HandleFunc("GET /api/v1/periods", s.get(s.periods))
		mux.HandleFunc("GET /api/v1/exclusions", s.get(s.exclusions))
		mux.HandleFunc("POST /api/v1/exclusions", s.change(s.excluding(s.exclude)))
		mux.HandleFunc("DELETE /api/v1/exclusions/{id}", s.change(s.excluding(s.revoke)))
		mux.HandleFunc("GET /api/v1/changes", s.get(s.changed))
		mux.HandleFunc("GET /api/v1/rehearsals", s.get(s.rehearsals))
		mux.HandleFunc("POST /api/v1/rehearsals", s.change(s.rehearsed))
	}
	if s.Changes != nil {
		mux.HandleFunc("POST /api/v1/changes/{kind}", func(w http.ResponseWriter, r *http.Request) {
			if h := s.Changes(r.PathValue("kind")); h != nil {
				h.ServeHTTP(w, r)
				return
			}
			s.fail(w, r, &Fault{
				Status: http.StatusNotFound, Code: "not_found", Problem: "nobody of this kind reports changes",
				Advice: "use generic, github, gitlab, argocd or flux",
			})
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, route := mux.Handler(r); route == "" {
			s.fail(w, r, unserved(mux, w, r))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	revalidated(w, r, openAPI)
}

// get answers a reader. Answers carry an ETag over their bytes: who sends it back in If-None-Match
// hears 304 until something has changed.
func (s *server) get(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := readParameters(r.URL.RawQuery)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		answer, err := e(r, p)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		body, err := encode(answer)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", mediaJSON)
		revalidated(w, r, body)
	}
}

const mediaJSON = "application/json; charset=utf-8"

// revalidated writes a body that a poller need not be sent twice.
func revalidated(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(body)))
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func encode(answer any) ([]byte, error) {
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return append(body, '\n'), nil
}

// Fault is why a request was refused, as the API tells it: what is wrong where, and what to do.
type Fault struct {
	Status    int    `json:"-"`
	Code      string `json:"code"`                // one word for programs
	Parameter string `json:"parameter,omitempty"` // of the query, where it is to blame
	Field     string `json:"field,omitempty"`     // of the body, where it is to blame
	Problem   string `json:"problem"`
	Advice    string `json:"advice"`
}

// Error is the problem.
func (f *Fault) Error() string { return f.Problem }

// fail says why there is no answer. What is not a Fault is our own failure: its words may name
// what the asker has no business with, so they go to the log.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var fault *Fault
	if !errors.As(err, &fault) {
		s.Logger.Error("answer could not be made", "path", r.URL.Path, "error", err)
		fault = &Fault{
			Status: http.StatusInternalServerError, Code: "internal",
			Problem: "this answer could not be made", Advice: "the log says why; ask again later",
		}
	}
	s.write(w, cmp.Or(fault.Status, http.StatusBadRequest), map[string]*Fault{"error": fault})
}

// foreign refuses what another site's page has a visitor's browser send.
func (s *server) foreign(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &Fault{
		Status: http.StatusForbidden, Code: "forbidden", Problem: "a page of another site sent this", Advice: "send it from this site, or without a browser",
	})
}

// write answers with something that is not to be kept.
func (s *server) write(w http.ResponseWriter, status int, answer any) {
	body, err := encode(answer)
	if err != nil {
		s.Logger.Error("answer could not be made", "error", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", mediaJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// unserved is the fault of a request that no route takes; the mux knows whether path or method is
// wrong, and which methods are allowed.
func unserved(mux http.Handler, w http.ResponseWriter, r *http.Request) *Fault {
	said := &verdictOnly{header: http.Header{}}
	mux.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.header.Get("Allow")
		w.Header().Set("Allow", allow)
		return &Fault{Status: said.status, Code: "method", Problem: r.Method + " is not served here", Advice: "use " + allow}
	}
	return &Fault{Status: http.StatusNotFound, Code: "not_found", Problem: "there is nothing at this path", Advice: "GET /api/v1/openapi.yaml says what there is"}
}

// verdictOnly is a ResponseWriter that forgets the body.
type verdictOnly struct {
	header http.Header
	status int
}

// Header is what the routes' answer would say beside its body.
func (v *verdictOnly) Header() http.Header { return v.header }

// Write forgets.
func (v *verdictOnly) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader keeps the status.
func (v *verdictOnly) WriteHeader(status int) { v.status = status }

// known is a number, or null where there is none.
func known(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// named is a text, or null where it is empty.
func named(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// instant is a time in UTC, or null where it is zero.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
