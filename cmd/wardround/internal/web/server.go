// Package web is what people and machines see over HTTP: the status page, the round logs, the
// metrics, the API and the endpoints that a supervisor asks.
//
// The way of the data: a request asks Options.State for everything as it stands, NewOverview
// judges it, a template or the JSON encoder writes it; the past is asked of Options.Record. Nothing
// here changes anything, except that POST /-/reload asks for the configuration to be read again, and
// that senders with a token make and revoke exclusions.
package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

// Options is what the pages need. All are required, but for those of which it is said.
type Options struct {
	State   func() State // objectives by name, evaluations by instance; nobody changes it afterwards
	Ready   func() bool  // whether the first round is through
	Metrics http.Handler
	Reload  func(*http.Request) error
	Report  func(w io.Writer, month, format string) error // the report on a month (2026-09)
	Formats map[string]string                             // of reports: media type by file ending
	Logger  *slog.Logger

	// Record is the past; without one the API serves no history, periods and exclusions.
	Record Record
	// Changes receives what a kind of sender reports of changes; nil for a kind that there is not.
	// Whoever sends proves himself to it.
	Changes func(kind string) http.Handler
	// Tokens are the secrets of those who may make exclusions, by the names of the senders, as they
	// are configured now; nil or none of them: nobody may.
	Tokens func() map[string]promconfig.Secret
}

//go:embed pages/*.html pages/*.css
var pages embed.FS

type server struct {
	Options
	templates map[string]*template.Template
	style     []byte
}

// NewHandler returns everything that is served. TLS and users are the listener's business.
func NewHandler(o Options) (http.Handler, error) {
	if o.State == nil || o.Ready == nil || o.Metrics == nil || o.Reload == nil || o.Report == nil || o.Logger == nil {
		return nil, errors.New("web: State, Ready, Metrics, Reload, Report and Logger are required")
	}
	s := &server{Options: o, templates: map[string]*template.Template{}}
	if err := s.parse(); err != nil {
		return nil, fmt.Errorf("read the embedded pages: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page("status", func(_ *http.Request, st State) (any, int) { return NewOverview(st), http.StatusOK }))
	mux.HandleFunc("GET /tenants/{tenant}", s.page("tenant", s.tenantPage))
	mux.HandleFunc("GET /objectives", s.page("objectives", objectivesPage))
	mux.HandleFunc("GET /rounds", s.page("rounds", roundsPage))
	mux.HandleFunc("GET /rounds/{key...}", s.page("round", roundPage))
	mux.HandleFunc("GET /reports/{file}", s.report)
	mux.HandleFunc("GET /style.css", s.stylesheet)
	mux.Handle("GET /metrics", o.Metrics)
	mux.Handle("/api/", s.api())
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Wardround is healthy.") })
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.HandleFunc("POST /-/reload", s.reload)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	// A page of another site must not make a visitor's browser change anything.
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(s.foreign))
	return guarded(cross.Handler(mux)), nil
}

func (s *server) parse() error {
	names, err := fs.Glob(pages, "pages/*.html")
	if err != nil {
		return err
	}
	for _, file := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "pages/"), ".html")
		if name == "frame" {
			continue
		}
		s.templates[name], err = template.New("frame.html").Funcs(words).ParseFS(pages, "pages/frame.html", file)
		if err != nil {
			return err
		}
	}
	s.style, err = pages.ReadFile("pages/style.css")
	return err
}

// guarded adds what keeps a page from being used for anything but being read.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// page answers with a template over what content makes of the state.
func (s *server) page(name string, content func(*http.Request, State) (any, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, status := content(r, s.State())
		if status == http.StatusNotFound {
			http.NotFound(w, r)
			return
		}
		var out strings.Builder
		if err := s.templates[name].Execute(&out, data); err != nil {
			s.Logger.Error("page could not be made", "page", name, "error", err)
			http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		fmt.Fprint(w, out.String())
	}
}

func (s *server) stylesheet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(s.style)
}

// report serves /reports/2026-09.pdf and the like.
func (s *server) report(w http.ResponseWriter, r *http.Request) {
	month, format, _ := strings.Cut(r.PathValue("file"), ".")
	media, known := s.Formats[format]
	if !known {
		http.Error(w, "Ask for a month and a format, such as /reports/2026-09.pdf, .html, .csv or .json.", http.StatusNotFound)
		return
	}
	var out bytes.Buffer
	if err := s.Report(&out, month, format); err != nil {
		http.Error(w, "This report cannot be made: "+err.Error(), http.StatusBadRequest)
		return
	}
	if format == "html" { // it brings its own style, and nothing else
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'")
	}
	w.Header().Set("Content-Type", media)
	_, _ = out.WriteTo(w)
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.Ready() {
		http.Error(w, "Wardround is making its first round.", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "Wardround is ready.")
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reload(r); err != nil {
		http.Error(w, "The configuration was not changed:\n"+err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, "The configuration was read again.")
}
