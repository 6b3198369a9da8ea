package odoo

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
)

// The users whom the stand-in lets in, each with the own name as password.
const (
	Monitor = "monitor" // a normal user
	Admin   = "admin"
)

// authenticate opens a session. As Odoo does, it answers wrong passwords with the status 200 and
// an error in the body.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Params struct{ DB, Login, Password string } `json:"params"`
	}
	t := s.reachable(r)
	if t == nil {
		s.page(w, http.StatusNotFound, "notfound.html", nil)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	uid := slices.Index([]string{"", "", Admin, Monitor}, asked.Params.Login)
	if uid < 2 || asked.Params.Password != asked.Params.Login || asked.Params.DB != t.Database {
		rpcError(w, 200, "odoo.exceptions.AccessDenied", s.options.Note)
		return
	}
	session := rand.Text()
	s.mu.Lock()
	s.sessions[session] = t.Database
	s.logins++
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "session_id", Value: session, Path: "/", HttpOnly: true, MaxAge: 7 * 86400})
	admin := asked.Params.Login == Admin
	rpc(w, map[string]any{"uid": uid, "is_system": admin, "is_admin": admin, "db": t.Database, "name": s.options.Note, "username": asked.Params.Login})
}

// count answers how many users there are, to whom has a session.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	t := s.reachable(r)
	cookie, err := r.Cookie("session_id")
	s.mu.Lock()
	known := err == nil && t != nil && s.sessions[cookie.Value] == t.Database
	s.mu.Unlock()
	switch {
	case t == nil:
		s.page(w, http.StatusNotFound, "notfound.html", nil)
	case !known:
		rpcError(w, 100, "odoo.http.SessionExpiredException", s.options.Note)
	default:
		rpc(w, 7)
	}
}

// Expire ends all sessions.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = map[string]string{}
}

// Logins is how often somebody was let in.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func rpcError(w http.ResponseWriter, code int, name, note string) {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{
		"code": code, "message": "Odoo Server Error", "data": map[string]any{"name": name, "debug": "Traceback " + note, "message": note},
	}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, "application/json; charset=utf-8", text)
}
