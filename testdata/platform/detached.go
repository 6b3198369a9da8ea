package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pidFile is the name of the file that a detached server leaves in its folder.
const pidFile = "pid"

// Survivor is a detached server as its pid file describes it.
type Survivor struct {
	Name   string `json:"name"`
	PID    int    `json:"pid"`
	Born   string `json:"born"` // start time in clock ticks; tells a reused pid apart
	Signal int    `json:"signal"`
	file   string
}

// record writes the pid file of a detached process.
func record(c command, pid int) error {
	born, err := birth(pid)
	if err != nil {
		return err
	}
	text, err := json.Marshal(Survivor{Name: c.name, PID: pid, Born: born, Signal: int(c.stop)})
	if err != nil {
		return fmt.Errorf("record %s: %w", c.name, err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, pidFile), text, 0o644); err != nil {
		return fmt.Errorf("record %s: %w", c.name, err)
	}
	return nil
}

// Survivors lists what was started Detached in the folders directly below dir,
// whether it still runs or not.
func Survivors(dir string) ([]Survivor, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", pidFile))
	if err != nil {
		return nil, fmt.Errorf("find pid files: %w", err)
	}
	all := make([]Survivor, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read pid file: %w", err)
		}
		s := Survivor{file: file}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("read pid file %s: %w", file, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// Alive says whether the very process that the pid file names still runs.
func (s Survivor) Alive() bool {
	born, err := birth(s.PID)
	return err == nil && born == s.Born
}

// Stop asks the process to end, kills it after 20 s, and removes the pid file.
func (s Survivor) Stop() error {
	signal := syscall.Signal(s.Signal)
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for asked := false; s.Alive(); <-tick.C {
		if late := time.Now().After(deadline); late || !asked {
			if late {
				signal = syscall.SIGKILL
			}
			if err := ignoreGone(syscall.Kill(s.PID, signal)); err != nil {
				return fmt.Errorf("stop %s: %w", s.Name, err)
			}
			asked = true
		}
	}
	if err := os.Remove(s.file); err != nil {
		return fmt.Errorf("remove pid file: %w", err)
	}
	return nil
}

// Leftovers lists the running processes that work in dir or below, ourselves
// excepted: "pid command" each.
func Leftovers(dir string) ([]string, error) {
	cwds, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var left []string
	for _, link := range cwds {
		proc := filepath.Dir(link)
		cwd, err := os.Readlink(link)
		if err != nil || !within(dir, cwd) || proc == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue // another user's process, or one that ended meanwhile
		}
		line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		if err != nil || len(line) == 0 {
			continue // it ended meanwhile and waits to be reaped
		}
		left = append(left, filepath.Base(proc)+" "+strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " ")))
	}
	return left, nil
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// birth returns the start time of a process, or an error if it has ended.
func birth(pid int) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", fmt.Errorf("look at process %d: %w", pid, err)
	}
	// The command's name may hold blanks; what follows its bracket does not.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return "", errors.New("process has ended")
	}
	return fields[19], nil
}
