package odoo

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Fault is what can go wrong with a tenant's pages.
type Fault string

// Everything that can go wrong.
const (
	NoFault    Fault = ""
	Hang       Fault = "hang"        // no answer until the client leaves
	BadGateway Fault = "bad-gateway" // 502, as from the proxy in front
	Slow       Fault = "slow"        // right, but 3 s late
	WrongBody  Fault = "wrong-body"  // 200 with a page that is not the login page
)

// slowness is the delay of Slow.
const slowness = 3 * time.Second

// controlPath is where the demo sets faults while the stand-in runs:
//
//	POST /_stand-in/fault?tenant=DATABASE&fault=NAME    an empty name heals
//	POST /_stand-in/restart                             all tenants are cold again
//	GET  /_stand-in/faults
const controlPath = "/_stand-in/"

// SetFault puts a fault on the pages of one database, or takes it away.
func (s *Server) SetFault(database string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault == NoFault {
		delete(s.faults, database)
		return
	}
	s.faults[database] = fault
}

// spoil answers as the tenant's fault demands. It returns false where the request
// is to be answered as usual.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, database string) bool {
	s.mu.Lock()
	fault := s.faults[database]
	s.mu.Unlock()
	switch fault {
	case Hang:
		<-r.Context().Done()
	case BadGateway:
		answer(w, http.StatusBadGateway, "text/plain; charset=utf-8", []byte("Bad Gateway"))
	case WrongBody:
		s.page(w, http.StatusOK, "maintenance.html", nil)
	case Slow:
		wait(r.Context(), slowness)
		return false
	default:
		return false
	}
	return true
}

func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST " + controlPath + "fault":
		fault := Fault(r.URL.Query().Get("fault"))
		if !slices.Contains([]Fault{NoFault, Hang, BadGateway, Slow, WrongBody}, fault) {
			http.Error(w, "unknown fault", http.StatusBadRequest)
			return
		}
		s.SetFault(r.URL.Query().Get("tenant"), fault)
	case "POST " + controlPath + "restart":
		s.Restart()
	case "GET " + controlPath + "faults":
		s.mu.Lock()
		text, err := json.Marshal(s.faults)
		s.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, http.StatusOK, "application/json", text)
		return
	default:
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
