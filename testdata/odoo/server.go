package odoo

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed pages/*.html
var pageFiles embed.FS

// Tenant is what the stand-in knows of one database.
type Tenant struct {
	Database string
	Series   Series
	Hosts    []string // without port
}

// ServerOptions describes a stand-in.
type ServerOptions struct {
	Tenants []Tenant
	// Connect reaches for a database and returns why it could not. As Odoo does,
	// the stand-in asks it for every page; a database that cannot be reached does
	// not exist for it.
	Connect func(ctx context.Context, database string) error
	// ColdStart is how long the first request of a tenant takes after the start,
	// while its registry is loaded. Real ones take 2 to 3 s.
	ColdStart time.Duration
	// Note is printed into every login page; tests plant canaries with it.
	Note string
}

// Server answers as Odoo's HTTP side does, by the Host header, for both series
// at once as if behind a reverse proxy. Its Server header says what it is.
type Server struct {
	options ServerOptions
	hosts   map[string]*Tenant
	pages   *template.Template
	mux     *http.ServeMux

	mu     sync.Mutex
	loaded map[string]*sync.Once // by database; one who loads, others wait
	faults map[string]Fault      // by database

	sessions map[string]string // databases by session
	logins   int
}

// NewServer makes a stand-in; serve it with net/http.
func NewServer(o ServerOptions) (*Server, error) {
	pages, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse recorded pages: %w", err)
	}
	s := &Server{options: o, hosts: map[string]*Tenant{}, pages: pages, mux: http.NewServeMux(), faults: map[string]Fault{}, sessions: map[string]string{}}
	for i := range o.Tenants {
		for _, host := range o.Tenants[i].Hosts {
			s.hosts[host] = &o.Tenants[i]
		}
	}
	s.Restart()
	s.routes()
	return s, nil
}

// Restart makes every tenant cold, as a restart of Odoo's workers does.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = map[string]*sync.Once{}
}

// ServeHTTP answers one request; faults of the tenant come first.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "wardround-odoo-stand-in")
	if strings.HasPrefix(r.URL.Path, controlPath) {
		s.control(w, r)
		return
	}
	if t := s.tenant(r); t != nil && s.spoil(w, r, t.Database) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) routes() {
	s.mux.HandleFunc("GET /web/login", s.login)
	s.mux.HandleFunc("GET /web/health", s.health)
	s.mux.HandleFunc("GET /websocket/health", s.websocketHealth)
	s.mux.HandleFunc("GET /web/database/selector", func(w http.ResponseWriter, _ *http.Request) {
		s.page(w, http.StatusOK, "selector.html", nil)
	})
	s.mux.HandleFunc("POST /web/database/list", s.list)
	s.mux.HandleFunc("POST /web/session/authenticate", s.authenticate)
	s.mux.HandleFunc("POST /web/dataset/call_kw/res.users/search_count", s.count)
	s.mux.HandleFunc("POST /web/webclient/version_info", s.version)
	s.mux.HandleFunc("GET /robots.txt", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "text/html; charset=utf-8", []byte("User-agent: *\nDisallow: /\n"))
	})
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		to := "/odoo"
		if t := s.tenant(r); t != nil && t.Series == Series17 {
			to = "/web"
		}
		s.redirect(w, to)
	})
	for _, path := range []string{"/web", "/odoo"} {
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			s.redirect(w, "/web/login?redirect=%2F"+path[1:]+"%3F")
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.page(w, http.StatusNotFound, "notfound.html", nil) })
}

// login answers the login page of the Host's database, or sends the visitor to
// the database selector when there is none or it cannot be reached: status codes
// alone do not show that outage.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	t := s.reachable(r)
	if t == nil {
		s.redirect(w, "/web/database/selector")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "session_id", Value: rand.Text(), Path: "/", HttpOnly: true, MaxAge: 7 * 86400})
	w.Header().Set("Cache-Control", "no-cache")
	s.page(w, http.StatusOK, "login.html", map[string]string{
		"Token": strings.ToLower(rand.Text()) + "o" + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
		"Note":  s.options.Note, "Series": string(t.Series),
	})
}

// health answers 200 whatever happens to the databases, unless series 18 is asked
// for the server's state; even then it looks at the database postgres only.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	t := s.reachable(r)
	if (t != nil && t.Series == Series17) || r.URL.Query().Get("db_server_status") == "" {
		answer(w, http.StatusOK, "application/json", []byte(`{"status": "pass"}`))
		return
	}
	if s.options.Connect(r.Context(), "postgres") != nil {
		answer(w, http.StatusInternalServerError, "application/json", []byte(`{"status": "fail", "db_server_status": false}`))
		return
	}
	answer(w, http.StatusOK, "application/json", []byte(`{"status": "pass", "db_server_status": true}`))
}

// websocketHealth belongs to a module, so it exists only where a tenant does.
func (s *Server) websocketHealth(w http.ResponseWriter, r *http.Request) {
	if s.reachable(r) == nil {
		s.page(w, http.StatusNotFound, "notfound.html", nil)
		return
	}
	answer(w, http.StatusOK, "application/json", []byte(`{"status": "pass"}`))
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	names := []string{}
	if t := s.reachable(r); t != nil {
		names = append(names, t.Database)
	}
	rpc(w, names)
}

func (s *Server) version(w http.ResponseWriter, r *http.Request) {
	series := 18
	if t := s.tenant(r); t != nil && t.Series == Series17 {
		series = 17
	}
	number := strconv.Itoa(series) + ".0"
	rpc(w, map[string]any{
		"server_version": number, "server_version_info": []any{series, 0, 0, "final", 0, ""},
		"server_serie": number, "protocol_version": 1,
	})
}

// tenant finds the tenant by the Host header, as dbfilter does: without port and
// without a leading "www.". Other headers do not count in these series.
func (s *Server) tenant(r *http.Request) *Tenant {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return s.hosts[strings.TrimPrefix(host, "www.")]
}

// reachable returns the request's tenant if its database can be reached, with
// its registry loaded; otherwise nil.
func (s *Server) reachable(r *http.Request) *Tenant {
	t := s.tenant(r)
	if t == nil || s.options.Connect(r.Context(), t.Database) != nil {
		return nil
	}
	s.mu.Lock()
	once := s.loaded[t.Database]
	if once == nil {
		once = new(sync.Once)
		s.loaded[t.Database] = once
	}
	s.mu.Unlock()
	once.Do(func() { wait(r.Context(), s.options.ColdStart) })
	return t
}

func (s *Server) redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	s.page(w, http.StatusSeeOther, "redirect.html", to)
}

func (s *Server) page(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := s.pages.ExecuteTemplate(&body, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, status, "text/html; charset=utf-8", body.Bytes())
}

func rpc(w http.ResponseWriter, result any) {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil, "result": result})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "application/json; charset=utf-8", text)
}

func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have left, which is its own business
}

// wait pauses for d or until the client leaves.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
