package platform

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// pause is a stopped process tree and the companion that will wake it. The
// companion waits on a pipe whose other end we hold: it wakes the tree when we
// resume and also when we die, so that no stopped server is left behind.
type pause struct {
	companion *exec.Cmd
	release   io.Closer
}

// Pause freezes the process and its children (SIGSTOP): connections still open
// at the TCP level, nothing answers. Pausing twice is no error.
func (p *Process) Pause() error {
	if p.paused != nil {
		return nil
	}
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	pids, err := descendants(p.pid)
	if err != nil {
		return errors.Join(err, syscall.Kill(p.pid, syscall.SIGCONT))
	}
	wake := []string{"-c", `read -r _; for p in "$@"; do kill -CONT "$p"; done`, "wake", strconv.Itoa(p.pid)}
	for _, pid := range pids {
		if err := ignoreGone(syscall.Kill(pid, syscall.SIGSTOP)); err != nil {
			return fmt.Errorf("pause child of %s: %w", p.name, err)
		}
		wake = append(wake, strconv.Itoa(pid))
	}
	companion := exec.Command("/bin/sh", wake...)
	companion.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	release, err := companion.StdinPipe()
	if err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	if err := companion.Start(); err != nil {
		return fmt.Errorf("start the companion that resumes %s: %w", p.name, err)
	}
	p.paused = &pause{companion: companion, release: release}
	return nil
}

// Resume thaws what Pause froze. Resuming what runs is no error.
func (p *Process) Resume() error {
	if p.paused == nil {
		return nil
	}
	paused := p.paused
	p.paused = nil
	if err := paused.release.Close(); err != nil {
		return fmt.Errorf("resume %s: %w", p.name, err)
	}
	// The companion's exit code tells only that one of the children is gone.
	var exit *exec.ExitError
	if err := paused.companion.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("resume %s: %w", p.name, err)
	}
	return nil
}

// descendants lists the children of pid and theirs.
func descendants(pid int) ([]int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list children: %w", err)
	}
	var all []int
	for field := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("list children: %w", err)
		}
		below, err := descendants(child)
		if err != nil {
			return nil, err
		}
		all = append(append(all, child), below...)
	}
	return all, nil
}
