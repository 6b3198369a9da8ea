package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wardround/wardround/cmd/wardround/internal/web"
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup"
	"github.com/wardround/wardround/collectors/backup/rehearse"
	"github.com/wardround/wardround/slo/evidence"
)

// A rehearsal is made by the daemon itself, by a command beside it, or elsewhere: the command hands
// its result in as a file of the storage directory, others report theirs over the API. Whichever
// way, it is remembered first and becomes evidence then, once, however often it is told.

// handedIn is the folder of the storage directory in which commands leave results.
const handedIn = "rehearsed"

// handIn leaves a result where the daemon, running or not, will find it.
func handIn(storage string, result rehearse.Result) error {
	owner, err := os.Stat(storage)
	if err != nil {
		return fmt.Errorf("find the storage directory: %w", err)
	}
	folder := filepath.Join(storage, handedIn)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("hand in the rehearsal: %w", err)
	}
	data, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("hand in the rehearsal: %w", err)
	}
	file := filepath.Join(folder, result.Started.UTC().Format("20060102T150405.000000000")+".json")
	if err := replaceFile(file, data); err != nil {
		return err
	}
	return errors.Join(give(folder, owner), give(file, owner))
}

// give makes the daemon's user the owner of what root made for it.
func give(path string, owner os.FileInfo) error {
	to, ok := owner.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, int(to.Uid), int(to.Gid))
}

// collectHandedIn takes what commands left. A file that cannot be what they write is put aside; one
// that cannot be put on record now stays for the next time. What goes wrong with a file is said once.
func (a *App) collectHandedIn() {
	files, err := filepath.Glob(filepath.Join(a.options.StoragePath, handedIn, "*.json"))
	if err != nil {
		return // only of a bad pattern
	}
	untaken := map[string]bool{}
	for _, file := range files {
		if err := a.take(file); err != nil {
			untaken[file] = true
			if !a.untaken[file] {
				a.options.Logger.Error("a rehearsal that was handed in is not on record", "file", file, "error", err)
			}
		}
	}
	a.untaken = untaken
}

func (a *App) take(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var result rehearse.Result
	if err := json.Unmarshal(data, &result); err != nil {
		return errors.Join(err, os.Rename(file, file+".bad"))
	}
	if err := result.Record().Validate(time.Now()); err != nil {
		return errors.Join(err, os.Rename(file, file+".bad"))
	}
	if err := a.rehearsed(evidence.Self, result.Record(), result); err != nil {
		return err
	}
	return os.Remove(file)
}

// rehearsed puts a rehearsal on record. On an error it can be told again; what was told before is
// evidence already.
func (a *App) rehearsed(who string, r backup.Rehearsal, payload any) error {
	p := a.protection
	p.recording.Lock()
	defer p.recording.Unlock()
	now := time.Now()
	last, _ := p.rehearsals.Last(r.Tenant)
	if err := p.rehearsals.Add(r, now); err != nil {
		return err
	}
	if !r.Started.After(last.Started) {
		if known, err := a.witness.knows(r); known || err != nil {
			return err
		}
	}
	a.witness.evident(now, evidence.KindRestoreRehearsed, who, payload)
	return nil
}

// knows says whether a rehearsal is evidence.
func (w *witness) knows(r backup.Rehearsal) (bool, error) {
	if w.log.Waiting() > 0 {
		return false, errors.New("there is evidence that could not be written yet")
	}
	for e, err := range w.log.Read(1) {
		var known backup.Rehearsal
		if err == nil && e.Kind == evidence.KindRestoreRehearsed && json.Unmarshal(e.Fields, &known) == nil && sameRehearsal(known, r) {
			return true, nil
		}
	}
	return false, nil
}

// sameRehearsal compares records that were written in whichever time zone.
func sameRehearsal(a, b backup.Rehearsal) bool {
	for _, r := range []*backup.Rehearsal{&a, &b} {
		for _, at := range []*time.Time{&r.Started, &r.Ended, &r.RecoveryPoint} {
			*at = at.UTC().Round(0)
		}
	}
	return a == b
}

// Rehearsals are the last of each tenant.
func (r record) Rehearsals() []web.Rehearsals {
	var all []web.Rehearsals
	for _, t := range r.tenants.Current().All() {
		if t.Staging {
			continue
		}
		one := web.Rehearsals{Tenant: t.Name}
		one.Last, one.Good = r.protection.rehearsals.Last(t.Name)
		one.Due, _ = r.protection.rehearsals.Due(t.Name, r.protection.terms(t).Rehearsal)
		all = append(all, one)
	}
	return all
}

// Rehearsed puts a rehearsal on record that was made elsewhere.
func (r record) Rehearsed(_ context.Context, by string, made backup.Rehearsal) error {
	refuse := func(field, problem, advice string) error {
		return &web.Fault{Status: http.StatusBadRequest, Code: "bad_body", Field: field, Problem: problem, Advice: advice}
	}
	made.Reporter = by
	if err := made.Validate(time.Now()); err != nil {
		return refuse("", err.Error(), "correct it and send it again; nothing is on record")
	}
	if _, known := r.tenants.Current().ByName(made.Tenant); !known {
		return refuse("tenant", fmt.Sprintf("there is no tenant %q", made.Tenant), "GET /api/v1/tenants lists them")
	}
	return r.rehearsed(by, made, made)
}

// rehearseInTurn makes a rehearsal if the schedule says that it is time for one: of the tenant that
// waited longest, once it is known who is a copy only. It returns at once; one is under way at a time.
func (a *App) rehearseInTurn(ctx context.Context, now time.Time) {
	s := a.config.Load().Rehearsals.Schedule
	if s.Every == 0 || !s.Open(now) || !a.ready() || !a.rehearsing.CompareAndSwap(false, true) {
		return
	}
	tenant, last := a.longestUnrehearsed()
	if tenant.Name == "" || now.Sub(last) < s.Every || now.Sub(a.lastTurn) < s.Every {
		a.rehearsing.Store(false)
		return
	}
	a.lastTurn = now
	a.running.Go(func() {
		defer a.rehearsing.Store(false)
		a.options.Logger.Info("a restore is rehearsed", "tenant", tenant.Name)
		result, err := a.rehearse(ctx, tenant, "", nil)
		switch {
		case ctx.Err() != nil:
			return // the daemon ends; it is made anew
		case result.Started.IsZero():
			result = rehearse.Result{Tenant: tenant.Name, Started: now, Ended: time.Now(), Reason: rehearse.ReasonFetch}
		}
		if err != nil {
			a.options.Logger.Error("a rehearsed restore failed", "tenant", tenant.Name, "reason", result.Reason, "error", err)
		}
		if err := a.rehearsed(evidence.Self, result.Record(), result); err != nil {
			err = errors.Join(err, handIn(a.options.StoragePath, result)) // it is tried again
			a.options.Logger.Error("a rehearsal is not on record", "tenant", tenant.Name, "error", err)
		}
	})
}

// cleanRehearsals removes what rehearsals left that were killed, as this daemon may have been: it is
// a copy of somebody's data.
func (a *App) cleanRehearsals(ctx context.Context) {
	removed, err := rehearse.Clean(ctx, a.config.Load().Rehearsals.Dir)
	if removed > 0 {
		a.options.Logger.Info("what killed rehearsals had left was removed", "rehearsals", removed)
	}
	if err != nil {
		a.options.Logger.Error("what killed rehearsals left could not be removed", "error", err)
	}
}

// longestUnrehearsed is the tenant whose restore was tried longest ago, of those to whom rehearsals
// are promised, and when one was last tried for anybody.
func (a *App) longestUnrehearsed() (longest collectors.Tenant, last time.Time) {
	var waits time.Time
	for _, t := range a.tenants.Current().All() {
		tried, _ := a.protection.rehearsals.Last(t.Name)
		if tried.Started.After(last) {
			last = tried.Started
		}
		if t.Staging || a.protection.terms(t).Rehearsal == 0 {
			continue
		}
		if longest.Name == "" || tried.Started.Before(waits) {
			longest, waits = t, tried.Started
		}
	}
	return longest, last
}
