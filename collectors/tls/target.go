package tls

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
)

// Options are what a Target needs from the daemon.
type Options struct {
	Tenants *collectors.Registry // whose hosts are whose; required
}

// Target looks at the certificates of hosts, as a collectors.Watcher. Between visits it holds
// nothing but what it saw.
type Target struct {
	config  Config
	tenants *collectors.Registry
	pattern *regexp.Regexp
	system  *x509.CertPool
	serials sync.Map // host -> that of the certificate it was last served with

	mu      sync.Mutex
	hosts   map[string]*host
	settled *collectors.Tenants // whose hosts these are
}

// host is one name, and what is known of it.
type host struct {
	name   string
	tenant string // "" for none
	due    time.Time
	seen   *sight // nil before the first look
	failed int    // looks in a row that went wrong
}

// New returns the Target that c describes. It reads the file that c names and opens nothing.
func New(c Config, o Options) (*Target, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("tls %q: %w", c.Name, err)
	}
	if o.Tenants == nil {
		return nil, errors.New("tls: Options.Tenants is required")
	}
	pattern, err := regexp.Compile(`^(?:` + c.Tenants + `)$`)
	if err != nil {
		return nil, collectors.Invalid("tenants", "%v", err)
	}
	t := &Target{config: c, tenants: o.Tenants, pattern: pattern, hosts: map[string]*host{}}
	if t.system, err = x509.SystemCertPool(); err != nil {
		return nil, fmt.Errorf("tls %q: read the authorities that the system trusts: %w", c.Name, err)
	}
	if c.CAFile == "" && t.system.Equal(x509.NewCertPool()) {
		return nil, collectors.Invalid("ca_file", "is missing, and the system trusts no authority: install its certificates, or name those of your own")
	}
	if _, err := t.roots(); err != nil {
		return nil, collectors.Invalid("ca_file", "%v", err)
	}
	return t, nil
}

// Name is the target's name.
func (t *Target) Name() string { return t.config.Name }

// Visit is the Target's place in the rounds: as often as any, since most rounds find no host due.
func (t *Target) Visit() collectors.Visit {
	return collectors.Visit{
		Key: collectors.Key{Collector: "tls", Target: t.config.Name}, Collector: t,
		Timeout: max(visitTimeout, 2*time.Duration(t.config.Timeout)),
	}
}

const visitTimeout = 30 * time.Second

// Unchanged says that no host is due: it implements collectors.Watcher.
func (t *Target) Unchanged(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.settle(now) && len(t.due(now)) == 0
}

// Collect looks at the hosts that are due and says what is known of all. What there is no time for
// is due in the next round.
func (t *Target) Collect(ctx context.Context, b *collectors.Builder) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(b.At())
	if due := t.due(b.At()); len(due) > 0 {
		roots, err := t.roots()
		if err != nil {
			return collectors.Because(collectors.ReasonMissing, err)
		}
		t.lookAt(ctx, due, roots)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("look at certificates: %w", context.Cause(ctx))
	}
	for _, name := range slices.Sorted(maps.Keys(t.hosts)) {
		t.emit(b, t.hosts[name])
	}
	t.count(b)
	return nil
}

// roots are the authorities that are trusted, as of now.
func (t *Target) roots() (*x509.CertPool, error) {
	if t.config.CAFile == "" {
		return t.system, nil
	}
	text, err := os.ReadFile(t.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the authorities: %w", err)
	}
	all := t.system.Clone()
	if !all.AppendCertsFromPEM(text) {
		return nil, errors.New("read the authorities: there is no certificate in the file")
	}
	return all, nil
}

// settle takes the tenants' hosts as they are now, and says whether any came, went or moved.
func (t *Target) settle(now time.Time) bool {
	current := t.tenants.Current()
	if current == t.settled {
		return false
	}
	t.settled = current
	next := map[string]*host{}
	add := func(name, tenant string) {
		name = strings.ToLower(name)
		if next[name] != nil || !servable(name) {
			return
		}
		h := &host{name: name, tenant: tenant, due: now}
		if known := t.hosts[name]; known != nil && known.tenant == tenant {
			h = known
		}
		next[name] = h
	}
	for _, tenant := range current.All() {
		if tenant.Staging || t.config.Tenants != "" && !t.pattern.MatchString(tenant.Name) {
			continue
		}
		for _, name := range tenant.Hosts {
			add(name, tenant.Name)
		}
	}
	for _, name := range t.config.Hosts {
		add(name, "")
	}
	changed := !maps.Equal(t.hosts, next)
	t.hosts = next
	t.serials.Range(func(name, _ any) bool {
		if next[name.(string)] == nil { // nobody looks at it any more
			t.serials.Delete(name)
		}
		return true
	})
	return changed
}

// due are the hosts to look at, those first that have been due for longest.
func (t *Target) due(now time.Time) []*host {
	var due []*host
	for _, h := range t.hosts {
		if !h.due.After(now) {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b *host) int { return cmp.Or(a.due.Compare(b.due), strings.Compare(a.name, b.name)) })
	return due
}

// lookAt looks at hosts as long as there is time for a whole look. One that was cut short from
// outside counts for nothing.
func (t *Target) lookAt(ctx context.Context, due []*host, roots *x509.CertPool) {
	last, bounded := ctx.Deadline()
	last = last.Add(-time.Duration(t.config.Timeout))
	looks := pool.New().WithMaxGoroutines(t.config.Concurrency)
	for _, h := range due {
		looks.Go(func() {
			if ctx.Err() != nil || bounded && time.Now().After(last) {
				return
			}
			s := t.look(ctx, h.name)
			if ctx.Err() != nil {
				return
			}
			if len(s.served) > 0 {
				s.problems, s.holds = judge(s.served, h.name, roots, s.at)
			}
			t.keep(h, s)
		})
	}
	looks.Wait()
}

// Serial is the serial number, in decimal digits, of the certificate that a host was last served
// with; false where none was seen. It waits for no look.
func (t *Target) Serial(host string) (string, bool) {
	serial, known := t.serials.Load(host)
	if !known {
		return "", false
	}
	return serial.(string), true
}

// keep remembers what a look showed, and when the next is due.
func (t *Target) keep(h *host, s sight) {
	h.seen = &s
	if len(s.served) > 0 {
		t.serials.Store(h.name, s.served[0].SerialNumber.String())
	}
	if s.wrong() {
		h.failed++
	} else {
		h.failed = 0
	}
	h.due = t.next(h)
}

func (s *sight) wrong() bool { return s.failure != "" || len(s.problems) > 0 }

// next is when a host is due again: at its own place in the interval, so that not all are at once;
// when its certificate ends; and sooner while something is wrong.
func (t *Target) next(h *host) time.Time {
	at, interval := h.seen.at, time.Duration(t.config.Interval)
	if h.failed > 0 {
		wait, most := time.Duration(t.config.Retry), max(interval/4, time.Duration(t.config.Retry))
		for i := 1; i < h.failed && wait < most; i++ {
			wait *= 2
		}
		return at.Add(min(wait, most))
	}
	place := fnv.New64a()
	_, _ = place.Write([]byte(h.name))
	due := at.Truncate(interval).Add(time.Duration(place.Sum64() % uint64(interval)))
	if !due.After(at) {
		due = due.Add(interval)
	}
	if ends := h.seen.holds; ends.After(at) && ends.Before(due) {
		return ends
	}
	return due
}
