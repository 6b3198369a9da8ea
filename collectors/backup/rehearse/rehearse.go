package rehearse

import (
	"context"
	"errors"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wardround/wardround/collectors/backup/archive"
)

// rehearsal is one under way.
type rehearsal struct {
	Options
	*scratch
	server *server
	result Result

	bytes  atomic.Int64 // read of the backup
	errors atomic.Int64 // that the restore told
	mu     sync.Mutex
	now    Stage // guarded by mu, because the disk's watch tells progress
	since  time.Time
}

// Rehearse restores a backup, checks what came back, and removes it. The Result is evidence of a
// failed rehearsal as well; the error, an *Error with its reason, says why it failed. When ctx
// ends everything is removed before it returns.
func Rehearse(ctx context.Context, o Options) (Result, error) {
	r := &rehearsal{Options: o, result: Result{
		Tenant: o.Tenant.Name, Place: o.Artifact.Place, Type: o.Artifact.Type, Started: time.Now().UTC(),
		BackupTime: o.Artifact.Point.UTC(), BackupBytes: o.Artifact.Size, Seconds: map[Stage]float64{},
		Removed: true, // as long as there is nothing
	}}
	cause := r.rehearse(ctx)
	r.stage("")
	r.result.Ended = time.Now().UTC()
	r.result.RestoreErrors = int(r.errors.Load())
	r.result.Success = cause == nil
	if cause == nil {
		return r.result, nil
	}
	if ctx.Err() != nil {
		cause = &Error{ReasonCancelled, cause}
	}
	cause = because(ReasonOther, cause)
	var known *Error
	if errors.As(cause, &known) {
		r.result.Reason = known.Reason
	}
	return r.result, cause
}

// stage ends one part and begins the next; "" ends the last.
func (r *rehearsal) stage(next Stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != "" {
		r.result.Seconds[r.now] += time.Since(r.since).Seconds()
	}
	r.now, r.since = next, time.Now()
	if next != "" && r.Progress != nil {
		r.Progress(Progress{Stage: next})
	}
}

func (r *rehearsal) rehearse(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			r.result.Stage = r.now
		}
	}()
	r.stage(StagePrepare)
	if r.Options, err = r.Options.withDefaults(); err != nil {
		return err
	}
	if _, err := Clean(ctx, r.Dir); err != nil {
		return err
	}
	runAs, err := account(r.User)
	if err != nil {
		return because(ReasonPrograms, err)
	}
	if r.scratch, err = newScratch(r.Dir, runAs); err != nil {
		return err
	}
	defer func() { // under every circumstance, and last
		failed := r.now
		r.stage(StageRemove)
		removing := r.remove(context.WithoutCancel(ctx))
		r.result.Removed = removing == nil
		r.stage("")
		if r.now = failed; err == nil {
			err = removing
		}
	}()
	if err := r.checkDisk(r.fetches()); err != nil {
		return err
	}
	if r.Artifact.Command != nil {
		if _, err := exec.LookPath(r.Artifact.Command[0]); err != nil {
			return because(ReasonPrograms, err)
		}
	}
	return r.watched(ctx)
}

// watched goes through the stages while the disk is watched.
func (r *rehearsal) watched(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Add(1)
	go func() {
		defer watching.Done()
		r.watch(ctx, r.Options, cancel, r.tell)
	}()
	err := r.stages(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	cancel(nil)
	watching.Wait()
	return err
}

// tell passes on how far the present stage is: of what is read, or of what lies on the disk.
func (r *rehearsal) tell(used int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Stage: r.now, Done: r.bytes.Load(), Total: r.Artifact.Size}
	if r.now == StageRestore && (r.Artifact.Command != nil || r.Artifact.Contents.Format == archive.Custom) {
		p.Done, p.Total = used, r.Artifact.Database
	}
	r.Progress(p)
}

// stages recovers and checks. The time to recover ends when the database answers.
func (r *rehearsal) stages(ctx context.Context) (err error) {
	began := time.Now()
	r.server = &server{scratch: r.scratch, binDir: r.BinDir, superuser: r.Superuser, jobs: r.Jobs}
	defer func() { err = errors.Join(err, r.server.stop()) }()
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.bytes.Store(0)
	r.stage(StageRestore)
	if err := r.restore(ctx); err != nil {
		return err
	}
	r.result.RecoverySeconds = time.Since(began).Seconds()
	r.stage(StageCheck)
	return r.check(ctx)
}

// begin fetches the backup, and starts an empty server meanwhile, unless the backup is a whole
// cluster. The first failure ends both.
func (r *rehearsal) begin(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	started := make(chan struct{})
	go func() {
		defer close(started)
		if r.Artifact.Command == nil {
			if err := r.server.begin(ctx); err != nil {
				cancel(because(ReasonStart, err))
			}
		}
	}()
	r.stage(StageFetch)
	if err := r.fetch(ctx); err != nil {
		cancel(because(ReasonFetch, err))
	}
	if r.Artifact.Command == nil {
		r.stage(StageStart)
	}
	<-started
	return context.Cause(ctx)
}
