package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/changes"
)

// Who may report over the API, each with a token in the secret of that name.
const (
	releases     = "releases"
	recoveryDesk = "recovery-desk"
)

// reports tells Wardround what only others know: that a release went out, and that a restore was
// rehearsed elsewhere and failed.
func (s *stage) reports(ctx context.Context) error {
	now := time.Now()
	for _, p := range ward() {
		if p.released {
			if err := s.post(ctx, releases, "/api/v1/changes/generic", changes.Event{
				ID: "release-42", Kind: "release", Tenants: []string{p.database}, Revision: string(p.series) + ".0.4.2",
				Started: now.Add(-5 * time.Minute), Finished: now.Add(-4 * time.Minute), Outcome: changes.Succeeded,
			}); err != nil {
				return err
			}
		}
		if p.unrestorable {
			if err := s.post(ctx, recoveryDesk, "/api/v1/rehearsals", backup.Rehearsal{
				Tenant: p.database, Place: offsite, Started: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour), Reason: "restore",
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// post sends one report with its sender's token.
func (s *stage) post(ctx context.Context, sender, path string, report any) error {
	token, err := s.secret(sender)
	if err != nil {
		return err
	}
	body, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("report to %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr(wardroundPort)+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("report to %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("report to %s: %w", path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	if err != nil {
		return fmt.Errorf("report to %s: %w", path, err)
	}
	return nil
}

// rehearse restores a tenant's newest dump with the command that operators use, and shows what it says.
func (s *stage) rehearse(ctx context.Context, out io.Writer) error {
	cmd := exec.CommandContext(ctx, s.wardround, "rehearse", "--tenant=north",
		"--config.file="+s.path("wardround.yaml"), "--storage.path="+s.path("data"))
	text, err := output(cmd)
	say(out, "\n$ %s\n%s\n", strings.Join(cmd.Args, " "), text)
	if err != nil {
		return fmt.Errorf("rehearse a restore: %w", err)
	}
	return nil
}

// output runs a program and returns what it prints; its complaints are in the error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return text, err
}
