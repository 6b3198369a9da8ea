package rehearse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// program is one process of a rehearsal.
type program struct {
	path  string
	args  []string
	stdin io.Reader
	line  func(string) // is told each line of standard error; nil means that nobody reads it
}

// account is whom PostgreSQL runs as; nil means as ourselves, which root may not.
func account(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user %q: %w", name, err)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// process is a program that runs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended and all that it said was read
	err  error         // how it ended; read it after done
}

// start forks a program. It ends with this process: the kernel sends the signal when the thread
// ends that forked it, so that thread is kept for as long as the program lives.
func (s *scratch) start(ctx context.Context, p program) (*process, error) {
	cmd := exec.CommandContext(ctx, p.path, p.args...) //nolint:gosec // PostgreSQL's own programs, and the operator's pgbackrest
	cmd.Dir = s.path
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", s.home(), "PGCONNECT_TIMEOUT=10"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT, Credential: s.account}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdin = p.stdin
	reader, writer := io.Pipe()
	cmd.Stderr = writer
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		readLines(reader, p.line)
	}()
	started := make(chan error, 1)
	running := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(running.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		running.err = errors.Join(err, writer.Close())
		<-drained
	}()
	if err := <-started; err != nil {
		<-running.done
		return nil, fmt.Errorf("start %s: %w", filepath.Base(p.path), err)
	}
	return running, nil
}

const longestLine = 64 << 10

// readLines reads to the end whatever comes, so that no program waits for us.
func readLines(r io.Reader, told func(string)) {
	lines := bufio.NewReaderSize(r, longestLine)
	for {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		if told != nil && !more {
			told(string(line))
		}
	}
}

// run runs a program to its end. Of what it says nothing is kept: it may quote rows.
func (s *scratch) run(ctx context.Context, p program) error {
	running, err := s.start(ctx, p)
	if err != nil {
		return err
	}
	<-running.done
	if running.err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("run %s: %w", filepath.Base(p.path), cause)
	}
	return fmt.Errorf("run %s: %w", filepath.Base(p.path), running.err)
}
