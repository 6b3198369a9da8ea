package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is how long a server may take to go down.
	patience = 20 * time.Second
	// startup is how long it may take to come up, on a machine that starts many at once.
	startup = time.Minute
)

// command is one server as the kernel sees it.
type command struct {
	name     string
	path     string
	args     []string
	env      []string
	dir      string // working folder; holds log, and pid when detached
	user     *servant
	stop     syscall.Signal // asks for an orderly end
	detached bool
}

// Process is a running server. It is safe for use by several goroutines, except
// for Pause and Resume, which belong to one.
type Process struct {
	name   string
	pid    int
	log    string
	stop   syscall.Signal
	done   chan struct{} // closed once the process has ended and was reaped
	exit   error         // how it ended; read it after done
	paused *pause
}

// spawn forks c. The fork and the wait happen on one locked thread that lives as
// long as the child, because the kernel sends the parent-death signal when the
// forking thread ends, not when the process does.
func spawn(ctx context.Context, c command) (*Process, error) {
	p := &Process{name: c.name, log: filepath.Join(c.dir, "log"), stop: c.stop, done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", c.name, err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.path, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, append(environment(), c.env...), log, log
	cmd.SysProcAttr = c.attributes()
	if c.user != nil && c.user.capabilities != nil {
		cmd.Dir = "/" // capabilities count only after the exec, too late to enter c.dir
	}

	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.exit = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p.pid = cmd.Process.Pid
	if !c.detached {
		return p, nil
	}
	return p, errors.Join(record(c, p.pid))
}

// run executes a tool such as initdb and waits for its end.
func run(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*startup, fmt.Errorf("%s took too long", c.name))
	defer cancel()
	p, err := spawn(ctx, c)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Kill())
	}
	if p.exit != nil {
		return fmt.Errorf("run %s: %w\n%s", c.name, p.exit, p.tail())
	}
	return nil
}

func (c command) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: c.detached, Setpgid: !c.detached}
	if !c.detached {
		a.Pdeathsig = syscall.SIGKILL
	}
	if c.user != nil {
		a.Credential, a.AmbientCaps = c.user.credential, c.user.capabilities
	}
	return a
}

// environment passes on nothing that could change a server's behaviour.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/nonexistent"}
}

// answers waits until probe succeeds. It gives up when the process ends, after
// limit, or with ctx, and then says what the log says.
func (p *Process) answers(ctx context.Context, probe func(context.Context) error, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("took too long to answer"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s: %w before it answered (%s)\n%s", p.name, errEnded, fmt.Sprint(p.exit), p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w\n%s", p.name, context.Cause(ctx), err, p.tail())
		case <-tick.C:
		}
	}
}

// errEnded marks a server that ended while coming up, most often because
// somebody else took its port first.
var errEnded = errors.New("server ended")

// Stop asks the process to end, waits, and kills it after 20 s. Stopping what
// has ended is no error.
func (p *Process) Stop() error {
	err := p.Resume()
	if p.Running() {
		err = errors.Join(err, ignoreGone(syscall.Kill(p.pid, p.stop)))
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return err
	case <-timer.C:
		return errors.Join(err, p.Kill())
	}
}

// Kill ends the process and its children at once, as a crash of the machine
// would, and returns when none of them is left.
func (p *Process) Kill() error {
	err := p.Resume()
	if !p.Running() {
		return err
	}
	// A stopped parent makes no more children while they are counted.
	err = errors.Join(err, ignoreGone(syscall.Kill(p.pid, syscall.SIGSTOP)))
	children, listing := descendants(p.pid)
	for _, pid := range append(children, p.pid) {
		err = errors.Join(err, ignoreGone(syscall.Kill(pid, syscall.SIGKILL)))
	}
	<-p.done
	return errors.Join(err, listing, gone(children))
}

// gone waits until the processes have ended.
func gone(pids []int) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for _, pid := range pids {
		for {
			if _, err := birth(pid); err != nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d does not end", pid)
			}
			<-tick.C
		}
	}
	return nil
}

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID returns the process id of the server.
func (p *Process) PID() int { return p.pid }

// LogFile returns the path of the file that holds the server's output.
func (p *Process) LogFile() string { return p.log }

// tail returns the last lines of the log, for error messages.
func (p *Process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
