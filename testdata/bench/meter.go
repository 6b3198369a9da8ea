package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every Linux.
const tick = time.Second / 100

// times are the processor times of one process.
type times struct {
	self     time.Duration // in user mode and in the kernel
	children time.Duration // the same of its children that have ended
}

// timesOf reads a process' times, in hundredths of a second.
func timesOf(pid int) (times, error) {
	text, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return times{}, fmt.Errorf("read processor time: %w", err)
	}
	return parseTimes(string(text))
}

func parseTimes(stat string) (times, error) {
	// The command's name may hold blanks; what follows its bracket does not.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const first = 11 // utime, stime, cutime, cstime
	if len(fields) < first+4 {
		return times{}, fmt.Errorf("read processor time: %d fields", len(fields))
	}
	var spent [4]time.Duration
	for i := range spent {
		n, err := strconv.ParseInt(fields[first+i], 10, 64)
		if err != nil {
			return times{}, fmt.Errorf("read processor time: %w", err)
		}
		spent[i] = time.Duration(n) * tick
	}
	return times{self: spent[0] + spent[1], children: spent[2] + spent[3]}, nil
}

// exactTime is the time of a process with one thread, to the nanosecond: most of PostgreSQL's need
// less than a hundredth of a second at a time. It is 0 for one that has ended.
func exactTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(procFile(pid, "schedstat"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	ns, _, _ := strings.Cut(string(text), " ")
	n, err := strconv.ParseInt(ns, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(n), nil
}

// clusterTime is what all processes of a PostgreSQL have taken so far, also those that have ended,
// except for one session.
func clusterTime(postmaster, except int) (time.Duration, error) {
	ended, err := timesOf(postmaster)
	if err != nil {
		return 0, err
	}
	sum := ended.children
	children, err := childrenOf(postmaster)
	if err != nil {
		return 0, err
	}
	for _, pid := range append(children, postmaster) {
		if pid == except {
			continue
		}
		spent, err := exactTime(pid)
		if err != nil {
			return 0, err
		}
		sum += spent
	}
	return sum, nil
}

func childrenOf(pid int) ([]int, error) {
	text, err := os.ReadFile(procFile(pid, filepath.Join("task", strconv.Itoa(pid), "children")))
	if err != nil {
		return nil, fmt.Errorf("list children: %w", err)
	}
	var all []int
	for field := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("list children: %w", err)
		}
		all = append(all, child)
	}
	return all, nil
}

// memoryOf is how much of a process is in memory, in bytes.
func memoryOf(pid int) (int64, error) {
	text, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return parseMemory(string(text))
}

func parseMemory(status string) (int64, error) {
	_, rest, _ := strings.Cut(status, "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return n * 1024, nil
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
