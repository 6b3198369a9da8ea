package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wardround/wardround/collectors"
)

const (
	// mostOutput is how much of a tool's answer is read: about ten thousand backups.
	mostOutput = 16 << 20
	// reluctance is how long a killed tool's children may hold its output open.
	reluctance = 500 * time.Millisecond
)

var errFlood = errors.New("it printed more than may be read")

// bounded keeps what is written to it up to a limit, and refuses the rest, which ends its writer.
type bounded struct {
	text    []byte
	most    int
	flooded bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > b.most {
		b.flooded = true
		return 0, errFlood
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

// Run asks a tool and returns what it printed. When ctx ends the tool is killed with all that it
// started. What it prints on standard error stays unread: it holds addresses and paths.
func Run(ctx context.Context, command []string) ([]byte, error) {
	name := filepath.Base(command[0])
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the operator's configuration says what to run
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = reluctance
	out := &bounded{most: mostOutput}
	cmd.Stdout = out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case context.Cause(ctx) != nil:
		return nil, fmt.Errorf("ask %s: %w", name, context.Cause(ctx))
	case out.flooded:
		return nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask %s: %w", name, errFlood))
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return nil, collectors.Because(collectors.ReasonMissing, fmt.Errorf("ask %s: there is no such program", name))
	case errors.Is(err, os.ErrPermission):
		return nil, collectors.Because(collectors.ReasonPermission, fmt.Errorf("ask %s: we may not run it", name))
	case errors.As(err, &exit):
		return out.text, collectors.Because(collectors.ReasonOther, fmt.Errorf("ask %s: it ended with %s", name, exit.ProcessState))
	case err != nil:
		return nil, collectors.Because(collectors.ReasonOther, fmt.Errorf("ask %s: %w", name, err))
	}
	return out.text, nil
}

// Answer reads what a scheduled task wrote for us, and when.
func Answer(path string) ([]byte, time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, missing(fmt.Errorf("read the tool's answer: %w", err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the tool's answer: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, mostOutput+1))
	if err == nil && len(text) > mostOutput {
		err = collectors.Because(collectors.ReasonProtocol, errors.New("it is larger than may be read"))
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the tool's answer: %w", err)
	}
	return text, info.ModTime(), nil
}

func missing(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return collectors.Because(collectors.ReasonPermission, err)
	case errors.Is(err, os.ErrNotExist):
		return collectors.Because(collectors.ReasonMissing, err)
	}
	return err
}

// Decode finds the JSON value in what a tool printed, which may have lines of noise before and
// after it: the value begins a line, with the given bracket.
func Decode(text []byte, bracket byte, into any) error {
	var first error
	for at := 0; at < len(text); {
		line := text[at:]
		if line[0] == bracket {
			err := json.NewDecoder(bytes.NewReader(line)).Decode(into)
			if err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
		}
		next := bytes.IndexByte(line, '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	if first == nil {
		first = errors.New("there is none")
	}
	// The decoder's own words may quote what it read.
	var syntax *json.SyntaxError
	if errors.As(first, &syntax) {
		first = fmt.Errorf("it is damaged at byte %d", syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(first, &kind) {
		first = fmt.Errorf("the field %s is not what it should be", kind.Field)
	}
	return collectors.Because(collectors.ReasonProtocol, fmt.Errorf("find JSON in the answer: %w", first))
}
