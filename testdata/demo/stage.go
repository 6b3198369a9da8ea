package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/wardround/wardround/testdata/platform"
)

//go:embed files
var files embed.FS

// stage is where the demo plays: a folder and a range of ports.
type stage struct {
	dir       string
	base      int
	wardround string
	primary   *platform.Postgres // once it runs
}

// The servers' ports are these above the base, and their folders are named so.
const (
	primaryPort      = 432
	replicaPort      = 433
	poolerPort       = 632
	redisPort        = 379
	odooPort         = 69
	odooTLSPort      = 443
	prometheusPort   = 90
	alertmanagerPort = 93
	wardroundPort    = 180
)

func ports() []int {
	return []int{
		primaryPort, replicaPort, poolerPort, redisPort, odooPort, odooTLSPort, prometheusPort, alertmanagerPort, wardroundPort,
	}
}

// place returns where a server of the demo lives.
func (s stage) place(name string, port int) platform.Place {
	return platform.Place{Dir: filepath.Join(s.dir, name), Port: s.base + port, Detached: true}
}

func (s stage) addr(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.base+port))
}

func (s stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// scratch is where restores are rehearsed: PostgreSQL's own user must get there, which it does not
// in a checkout below somebody's home.
func (s stage) scratch() string {
	return filepath.Join(os.TempDir(), "wardround-demo-"+strconv.Itoa(s.base))
}

// secret returns the password in a file of mode 0600, which it makes at first.
func (s stage) secret(name string) (string, error) {
	path := s.path("secrets", name)
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read secret: %w", err)
	}
	password := rand.Text()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make folder for secrets: %w", err)
	}
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write secret: %w", err)
	}
	return password, nil
}

// fill returns a file of files/ with the addresses filled in.
func (s stage) fill(name string) (string, error) {
	t, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]string{
		"Primary": s.addr(primaryPort), "Replica": s.addr(replicaPort), "Pooler": s.addr(poolerPort), "Redis": s.addr(redisPort),
		"Odoo": s.addr(odooPort), "OdooTLS": s.addr(odooTLSPort),
		"Alertmanager": s.addr(alertmanagerPort), "Wardround": s.addr(wardroundPort),
		"Scratch": strconv.Quote(s.scratch()),
	})
	if err != nil {
		return "", fmt.Errorf("fill %s: %w", name, err)
	}
	return text.String(), nil
}

// vacant refuses to start over a running demo or on ports of others.
func (s stage) vacant(ctx context.Context) error {
	survivors, err := platform.Survivors(s.dir)
	if err != nil {
		return err
	}
	for _, p := range survivors {
		if p.Alive() {
			return fmt.Errorf("it runs already (%s, pid %d); end it first (`make demo-stop`)", p.Name, p.PID)
		}
	}
	var config net.ListenConfig
	for _, port := range ports() {
		l, err := config.Listen(ctx, "tcp", s.addr(port))
		if err != nil {
			return fmt.Errorf("port %d is taken; free it or use --port-base: %w", s.base+port, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("try port %d: %w", s.base+port, err)
		}
	}
	if _, err := os.Stat(s.wardround); err != nil {
		return fmt.Errorf("build Wardround first (`make build`): %w", err)
	}
	return nil
}

// down ends everything and checks that nothing is left.
func (s stage) down(out io.Writer) error {
	survivors, err := platform.Survivors(s.dir)
	if err != nil {
		return err
	}
	// The watcher goes first and the databases last, so that nobody complains.
	order := map[string]int{"wardround": -2, "odoo": -1, "postgres replica": 1, "postgres primary": 2}
	for rank := -2; rank <= 2; rank++ {
		for _, p := range survivors {
			if order[p.Name] != rank {
				continue
			}
			if err := p.Stop(); err != nil {
				return err
			}
			say(out, "ended %s\n", p.Name)
		}
	}
	if err := os.Remove(s.scratch()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove what a rehearsal left: %w", err)
	}
	left, err := platform.Leftovers(s.dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("still at work in %s:\n  %s", s.dir, strings.Join(left, "\n  "))
	}
	say(out, "nothing is left running\n")
	return nil
}

// status says what runs, and fails if something that should does not.
func (s stage) status(out io.Writer) error {
	survivors, err := platform.Survivors(s.dir)
	if err != nil {
		return err
	}
	if len(survivors) == 0 {
		say(out, "the demo does not run; start it with `make demo`\n")
		return nil
	}
	dead := 0
	for _, p := range survivors {
		state := "runs"
		if !p.Alive() {
			state, dead = "HAS ENDED", dead+1
		}
		say(out, "%-18s pid %-8d %s\n", p.Name, p.PID, state)
	}
	if dead > 0 {
		return fmt.Errorf("%d of %d servers have ended; their logs are in %s", dead, len(survivors), s.path("*", "log"))
	}
	s.whereToLook(out)
	return nil
}

// say tells people what happens. Where nobody can be told, the work goes on.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
