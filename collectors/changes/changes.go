package changes

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/wardround/wardround/collectors"
)

// Options is what Changes needs of the program.
type Options struct {
	Logger  *slog.Logger
	Tenants *collectors.Registry
	Dir     string // storage directory; the file changes.jsonl in it is ours
}

func (o *Options) validate() error {
	switch {
	case o.Logger == nil:
		return errors.New("changes options: Logger is nil")
	case o.Tenants == nil:
		return errors.New("changes options: Tenants is nil")
	case o.Dir == "":
		return errors.New("changes options: Dir is empty")
	}
	return nil
}

// Changes is the record of changes, with the ways into it and out of it. It is safe for any number
// of goroutines.
type Changes struct {
	logger  *slog.Logger
	tenants *collectors.Registry
	strange *rate.Limiter // requests that proved nothing
	setup   atomic.Pointer[setup]

	mu      sync.RWMutex
	journal *journal
	events  map[receipt]uint64
	summed  *summary // of the journal, nil when that has changed since
}

// setup is what a configuration comes to. It is replaced as a whole.
type setup struct {
	Config
	senders []*sender
	pages   []*page
}

// receipt names a count of requests by who sent them and what became of them.
type receipt struct{ sender, result string }

const (
	ourselves  = "wardround" // the sender of what visits saw
	target     = "changes"   // the target label of the record's own series
	maxChanges = 100_000
)

// New opens the record in the storage directory, which no other may use meanwhile. The
// configuration must be valid; what cannot be read (token files, certificates) is an error here.
func New(c Config, o Options) (*Changes, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Changes{
		logger: o.Logger, tenants: o.Tenants, events: map[receipt]uint64{},
		strange: rate.NewLimiter(strangersPerSecond, strangersAtOnce),
	}
	if err := s.Update(c); err != nil {
		return nil, err
	}
	var err error
	s.journal, err = openJournal(o.Dir, time.Now().Add(-time.Duration(c.Retention)), maxChanges, o.Logger)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Update puts another valid configuration in force, or on an error leaves the present one whole.
// Visits must be asked for again afterwards; another retention counts from the next start on.
func (s *Changes) Update(c Config) error {
	next := &setup{Config: c}
	var errs []error
	for i, each := range c.Senders {
		ready, err := newSender(each)
		if err != nil {
			errs = append(errs, collectors.Invalid(fmt.Sprintf("senders[%d].token_file", i), "%v", err))
		}
		next.senders = append(next.senders, ready)
	}
	for i, each := range c.Applications {
		ready, err := newPage(s, each)
		if err != nil {
			errs = append(errs, collectors.Invalid(fmt.Sprintf("applications[%d]", i), "%v", err))
		}
		next.pages = append(next.pages, ready)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.setup.Swap(next).close()
	return nil
}

func (s *setup) close() {
	if s == nil {
		return
	}
	for _, p := range s.pages {
		p.client.CloseIdleConnections()
	}
}

// Close closes the record; what comes afterwards is refused.
func (s *Changes) Close() error {
	s.setup.Load().close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// Query is what changed for a tenant within a time before a moment: by its name, on its database's
// server, and on the whole platform; newest first. With tenant "" it is the latter alone.
func (s *Changes) Query(tenant string, before time.Time, within time.Duration) []Change {
	return s.query(concerns(s.tenants.Current(), tenant, ""), before, within)
}

func (s *Changes) query(who concern, before time.Time, within time.Duration) []Change {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.journal.changes.before(who, before, within)
	changes := make([]Change, len(found))
	for i, c := range found {
		changes[i] = *c
	}
	return changes
}

// record takes a change into the journal, or what is new about it; changed is false where nothing
// is.
func (s *Changes) record(c *Change) (kept *Change, changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recordLocked(line{Change: c})
}

func (s *Changes) recordLocked(l line) (kept *Change, changed bool, err error) {
	old := s.journal.changes.byKey[l.Change.Key]
	if old != nil {
		merged, changed := old.merge(l.Change)
		if !changed {
			return old, false, nil
		}
		l.Change = &merged
	} else if l.Change.Started.Before(s.journal.horizon) {
		return nil, false, errTooOld
	}
	if l.Change.Revision != "" && !l.Change.Rollback {
		c := *l.Change
		c.Rollback = s.journal.changes.goesBack(&c)
		l.Change = &c
	}
	s.summed = nil
	if err := s.journal.add(l); err != nil {
		return nil, false, err
	}
	return l.Change, true, nil
}

var errTooOld = errors.New("the change began before what is remembered")

// Fact is what a visit found out about something that can be changed.
type Fact struct {
	Kind   string            // of change that a difference means: modules, version, settings, reload, …
	Tenant string            // whose it is; "" where it is a server's or the platform's
	Target string            // the server it stands on; "" for the platform
	System string            // what was found to differ, such as odoo or postgresql
	Items  map[string]string // all of it, by technical name: modules and their versions, or {"": hash}
	At     time.Time         // of the visit
}

// Seen compares a fact with what was known before, which survives restarts, and records a change
// where it differs. The first time it learns only; a part that could not be read must not be told
// as if it were gone. It returns whether there was a change.
func (s *Changes) Seen(f Fact) (bool, error) {
	if !slices.Contains(kinds, f.Kind) || !senderName.MatchString(f.System) || f.At.IsZero() {
		return false, fmt.Errorf("seen change: kind %q, system %q and time %s must be set and known", f.Kind, f.System, f.At)
	}
	key := "seen|" + strings.Join([]string{f.Kind, f.System, f.Tenant, f.Target}, "|")
	s.mu.Lock()
	defer s.mu.Unlock()
	before, learned := s.journal.known[key]
	if learned && maps.Equal(before, f.Items) {
		return false, nil
	}
	now := &known{key, maps.Clone(f.Items)}
	if !learned {
		return false, s.journal.add(line{Known: now})
	}
	_, _, err := s.recordLocked(line{Change: seen(f, before), Known: now})
	return err == nil, err
}

// seen is the change that a difference means. It is dated by the visit, which is when it was there
// for certain.
func seen(f Fact, before items) *Change {
	c := &Change{
		Key:    digest(ourselves, f.Kind, f.System, f.Tenant, f.Target, f.At.UTC().Format(time.RFC3339Nano)),
		Sender: ourselves, System: f.System, Kind: f.Kind, Started: f.At, Finished: f.At, Outcome: Observed,
	}
	switch {
	case f.Tenant != "":
		c.Scope.Tenants = []string{f.Tenant}
	case f.Target != "":
		c.Scope.Target = f.Target
	default:
		c.Scope.All = true
	}
	differing := before.differing(f.Items)
	c.Rollback = f.Kind == "modules" && before.older(f.Items, differing)
	if c.Items = len(differing); c.Items != 1 {
		return c
	}
	c.Subject = technical(differing[0])
	c.Stream = digest(ourselves, f.Kind, f.System, f.Tenant, f.Target, differing[0])
	c.From, c.Revision = revision(before[differing[0]]), revision(f.Items[differing[0]])
	return c
}

// older says whether all of the names went back to an older version. Which one it was before they
// were upgraded is not asked: several at once are what a release brought and its withdrawal takes.
func (i items) older(now items, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		a, err := numbers(now[name])
		b, failed := numbers(i[name])
		return err != nil || failed != nil || slices.Compare(a, b) >= 0
	})
}

// numbers are those of a version such as 18.0.1.3.
func numbers(version string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("read a version: %w", err)
		}
		all = append(all, n)
	}
	return all, nil
}

// differing are the names that came, went or have another value, sorted.
func (i items) differing(now items) []string {
	var names []string
	for name, value := range now {
		if old, there := i[name]; !there || old != value {
			names = append(names, name)
		}
	}
	for name := range i {
		if _, there := now[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
