package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultForget is how long alerts of conditions that are no longer reported stay frozen.
const DefaultForget = 5 * time.Minute

// Options are what an Engine needs. Dir and Logger are required.
type Options struct {
	Dir     string            // the storage directory; it must exist and have one writer
	Labels  map[string]string // added to every alert, such as the platform or the shard; replicas must agree on them
	Forget  time.Duration     // see Book.Forget; zero is DefaultForget
	Logger  *slog.Logger
	Metrics *Metrics // zero counts into series that nobody sees

	// Cause names what an alert's tenant shares with others, such as its PostgreSQL cluster; "" is nothing. It becomes
	// the label cluster, which Folding goes by, so it must stay the same while the tenant stays where it is. It is
	// asked of alerts that have a tenant and no cluster of their own. Nil names nothing.
	Cause   func(labels map[string]string) string
	Folding Folding // when alerts of one cause are told as one

	// Suspect says in a few words what changed shortly before a condition began to hold, such as a deployment; "" is
	// nothing known. It becomes an annotation. It is asked at each evaluation of each alert whose condition holds, those
	// of clusters included. Neither it nor Cause nor Population may call the Engine.
	Suspect func(labels map[string]string, since time.Time) string

	// OnTransition hears of every transition, after it is on disk, in order. It must not call the Engine.
	OnTransition func(context.Context, []Transition)
}

func (o *Options) validate() error {
	if o.Dir == "" {
		return errors.New("alert options: Dir is empty")
	}
	if o.Logger == nil {
		return errors.New("alert options: Logger is nil")
	}
	if o.Forget < 0 {
		return fmt.Errorf("alert options: Forget is negative (%s)", o.Forget)
	}
	if o.Forget == 0 {
		o.Forget = DefaultForget
	}
	if o.Folding.AtLeast < 0 {
		return fmt.Errorf("alert options: Folding.AtLeast is negative (%d)", o.Folding.AtLeast)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	return nil
}

// Snapshot is what stood after one evaluation. It is never changed once made.
type Snapshot struct {
	EvaluatedAt time.Time // zero before the first evaluation
	Alerts      []Alert   // gravest first
}

// Engine remembers alerts over evaluations and restarts.
type Engine struct {
	options Options
	current atomic.Pointer[Snapshot]

	mu        sync.Mutex // one evaluation at a time; guards what follows
	book      Book
	unsaved   bool
	saveError string
	notifier  *Notifier
}

// Open reads the state that an earlier run left in o.Dir. A damaged state is set aside and reported in the log: alerts
// then begin anew, and Alertmanager, which knows them by their labels, folds them into those it has. A state that
// cannot be read, or was written by a later release, is an error.
func Open(o Options, now time.Time) (*Engine, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	alerts, savedAt, err := loadState(o.Dir)
	if errors.Is(err, errDamaged) {
		aside, asideErr := setAside(o.Dir, now)
		if asideErr != nil {
			return nil, errors.Join(err, asideErr)
		}
		o.Logger.Error("alert state is damaged; beginning with none", "kept", aside, "err", err)
	} else if err != nil {
		return nil, err
	}
	e := &Engine{options: o, book: Book{
		Forget: o.Forget, Folding: o.Folding, Suspect: o.Suspect, alerts: alerts, stepped: savedAt,
	}}
	e.current.Store(&Snapshot{Alerts: e.book.Alerts()})
	return e, nil
}

// Connect hands the alerts that stand to n, now and after every evaluation. It takes the place of an earlier notifier,
// which the caller ends. Before the first evaluation nothing is handed over: nobody has looked yet.
func (e *Engine) Connect(n *Notifier) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notifier = n
	if s := e.current.Load(); !s.EvaluatedAt.IsZero() {
		n.Publish(*s)
	}
}

// Evaluate takes what an evaluation at now says of all conditions of all objectives, and returns what changed.
// Conditions left out freeze their alerts. The Watchdog is added here. State that cannot be written is logged, counted
// and written with the next evaluation; alerts go out all the same.
func (e *Engine) Evaluate(ctx context.Context, now time.Time, conditions []Condition) []Transition {
	e.mu.Lock()
	defer e.mu.Unlock()
	waited := e.book.waiting()
	transitions := e.book.Step(now, e.labelled(conditions))
	snapshot := &Snapshot{EvaluatedAt: now, Alerts: e.book.Alerts()}
	e.unsaved = e.unsaved || len(transitions) > 0 || waited || e.book.waiting()
	if e.unsaved {
		e.save(snapshot)
	}
	e.current.Store(snapshot)
	e.options.Metrics.count(snapshot.Alerts)
	if e.notifier != nil {
		e.notifier.Publish(*snapshot)
	}
	if e.options.OnTransition != nil && len(transitions) > 0 {
		e.options.OnTransition(ctx, transitions)
	}
	return transitions
}

// Alerts returns the alerts that stood after the last evaluation, or at the end of the earlier run if there was none
// yet; the gravest first. The slice must not be changed. It never waits.
func (e *Engine) Alerts() []Alert { return e.current.Load().Alerts }

// Snapshot returns the same as Alerts with the time of the evaluation. It never waits.
func (e *Engine) Snapshot() Snapshot { return *e.current.Load() }

// labelled adds the Watchdog, the labels of the platform and the cause. A condition's own label wins.
func (e *Engine) labelled(conditions []Condition) []Condition {
	all := append(conditions[:len(conditions):len(conditions)], watchdog())
	if len(e.options.Labels) == 0 && e.options.Cause == nil {
		return all
	}
	for i := range all {
		own := all[i].Labels
		labels := make(map[string]string, len(e.options.Labels)+len(own)+1)
		maps.Copy(labels, e.options.Labels)
		maps.Copy(labels, own)
		if e.options.Cause != nil && own[TenantLabel] != "" && own[ClusterLabel] == "" {
			labels[ClusterLabel] = e.options.Cause(own)
		}
		all[i].Labels = labels
	}
	return all
}

func (e *Engine) save(s *Snapshot) {
	err := saveState(e.options.Dir, s.EvaluatedAt, s.Alerts)
	e.unsaved = err != nil
	if err == nil {
		if e.saveError != "" {
			e.options.Logger.Info("alert state is written again")
		}
		e.saveError = ""
		return
	}
	e.options.Metrics.stateErrors.Inc()
	if e.saveError != err.Error() {
		e.options.Logger.Error("alert state is not written; a restart now would tell alerts anew", "err", err)
	}
	e.saveError = err.Error()
}
