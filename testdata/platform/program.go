package platform

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Program is any other server, such as Wardround itself.
type Program struct {
	Place
	Name string
	Path string
	Args []string
	Env  []string
	// Ready is an HTTP path that answers 200 once the server is up; empty means
	// that accepting connections is enough.
	Ready string
	// Within is how long it may take to come up; default one minute.
	Within time.Duration
}

// StartProgram starts a server whose port is known beforehand (Place.Port).
func StartProgram(ctx context.Context, o Program) (*Server, error) {
	s, err := settle(o.Place, o.Name)
	if err != nil {
		return nil, err
	}
	s.command = func(int) command {
		return command{name: o.Name, path: o.Path, args: o.Args, env: o.Env, stop: syscall.SIGTERM}
	}
	s.within = o.Within
	s.probe = s.dialable
	if o.Ready != "" {
		s.probe = s.httpReady(o.Ready)
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}
