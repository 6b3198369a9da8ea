package platform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Place says where a server lives and for how long. The zero value is right for
// tests: a temporary folder, a free port, and an end with the starting process.
type Place struct {
	// Dir is a folder of its own, made where missing. Empty means a temporary
	// one, which Remove deletes.
	Dir string
	// Port on 127.0.0.1; 0 means a free one.
	Port int
	// Detached lets the server outlive this process; Survivors finds it again.
	Detached bool
}

// Server is what all servers have in common: a process at an address, which can
// be stopped and started again in the same place.
type Server struct {
	*Process
	place     Place
	temporary bool
	command   func(port int) command
	probe     func(ctx context.Context) error
	within    time.Duration // startup, where zero
}

// tries is how often a server looks for another port when its own was taken
// between the choice and the bind.
const tries = 3

// settle makes the place's folder ready.
func settle(place Place, name string) (*Server, error) {
	s := &Server{place: place}
	if place.Dir == "" {
		dir, err := os.MkdirTemp("", "wardround-"+name+"-")
		if err != nil {
			return nil, fmt.Errorf("make folder of %s: %w", name, err)
		}
		s.place.Dir, s.temporary = dir, true
	}
	dir, err := filepath.Abs(s.place.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder of %s: %w", name, err)
	}
	s.place.Dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of %s: %w", name, err)
	}
	return s, nil
}

// Start brings the server up, the first time or after Stop or Kill, and returns
// once it answers. The port stays the same over restarts.
func (s *Server) Start(ctx context.Context) error {
	free := s.place.Port == 0
	for try := 1; ; try++ {
		err := s.startOnce(ctx)
		if err == nil {
			return nil
		}
		if !free || try == tries || !errors.Is(err, errEnded) {
			return err
		}
		s.place.Port = 0
	}
}

func (s *Server) startOnce(ctx context.Context) error {
	if s.place.Port == 0 {
		port, err := FreePort(ctx)
		if err != nil {
			return err
		}
		s.place.Port = port
	}
	c := s.command(s.place.Port)
	c.dir, c.detached = s.place.Dir, s.place.Detached
	p, err := spawn(ctx, c)
	if err != nil {
		return err
	}
	s.Process = p
	if err := p.answers(ctx, s.probe, cmp.Or(s.within, startup)); err != nil {
		return errors.Join(err, p.Kill())
	}
	return nil
}

// Dir returns the server's folder.
func (s *Server) Dir() string { return s.place.Dir }

// Port returns the server's TCP port.
func (s *Server) Port() int { return s.place.Port }

// Addr returns host:port.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.place.Port))
}

// Remove kills the server and deletes its folder if it was a temporary one.
func (s *Server) Remove() error {
	var err error
	if s.Process != nil {
		err = s.Kill()
	}
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.place.Dir))
	}
	return err
}

// write puts a configuration file into the server's folder. Mode 0600: some hold
// passwords.
func (s *Server) write(name, text string) (string, error) {
	path := filepath.Join(s.place.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return path, nil
}

// Ports below those that the kernel gives to outgoing connections, of which there are many in tests.
const (
	firstPort = 20000
	lastPort  = 32000
)

// FreePort returns a TCP port on 127.0.0.1 that nobody listens on right now, and that no outgoing
// connection will take before the server does.
func FreePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	var err error
	for range tries {
		var l net.Listener
		port := firstPort + rand.IntN(lastPort-firstPort)
		if l, err = config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// dialable is the probe of a server that only needs to accept.
func (s *Server) dialable(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	return conn.Close()
}

// httpReady is the probe of a server that answers 200 on path.
func (s *Server) httpReady(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+path, nil)
		if err != nil {
			return err
		}
		req.Close = true // keeps no connection, so that tests leave no goroutine
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", path, resp.Status)
		}
		return nil
	}
}
