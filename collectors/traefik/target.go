package traefik

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/traefik/accesslog"
)

// Options are what a Target is given besides its Config.
type Options struct {
	Logger  *slog.Logger         // nil for silence
	Tenants *collectors.Registry // whose hosts are whose; required
	// StateDir is where the place in the access log is kept over a restart; "" for nowhere.
	StateDir string
	// Served is the serial number, in decimal digits, of the certificate that a host is served with;
	// false where that is not known. It is asked in each round; nil for nobody knows.
	Served   func(host string) (serial string, known bool)
	Previous *Target // the target before its settings were changed: its counters go on
}

// Target is one Traefik. It is visited for its metrics and for its access log, each by a visit of
// its own; between visits it holds idle connections and the open log.
type Target struct {
	config   Config
	options  Options
	client   *http.Client
	patterns []*regexp.Regexp
	log      *logVisit // nil where no log is read
	settings atomic.Pointer[map[string]string]

	visiting sync.Mutex // held during a visit, and while the API is asked: guards what follows
	memory
	closed bool
}

// memory is what a target's visits count and remember.
type memory struct {
	counters    *counters
	traffic     *traffic
	shown       map[shownKey]bool
	absent      map[string]time.Time // services that something is counted of, since when no page shows them
	swept       time.Time
	began       time.Time // of counting
	listing     listing
	points      map[string]bool // entry points that were seen
	owners      *owners         // as of the last visit
	reloaded    float64         // when the configuration was taken last, in seconds since 1970
	complaining string          // what the log was told of the API
}

func newMemory() memory {
	return memory{
		counters: &counters{known: map[string]*series{}}, traffic: newTraffic(), shown: map[shownKey]bool{}, points: map[string]bool{},
	}
}

// New prepares the visits to a Traefik; it opens nothing yet. The caller closes it.
func New(c Config, o Options) (*Target, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.Tenants == nil {
		return nil, errors.New("traefik: Options.Tenants is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client, err := config.NewClientFromConfig(c.HTTP, "traefik")
	if err != nil {
		return nil, collectors.Invalid("http", "%v", err)
	}
	t := &Target{config: c, options: o, client: client, memory: newMemory()}
	for _, text := range c.Names {
		pattern, err := whole(text)
		if err != nil {
			return nil, collectors.Invalid("names", "%v", err)
		}
		t.patterns = append(t.patterns, pattern)
	}
	if t.log, err = newLogVisit(t); err != nil {
		return nil, err
	}
	t.follow(o.Previous)
	t.options.Previous = nil // which may go
	return t, nil
}

// follow takes over what the target before has counted, if it was the same Traefik's.
func (t *Target) follow(p *Target) {
	if p == nil || p.config.URL != t.config.URL {
		return
	}
	p.visiting.Lock()
	defer p.visiting.Unlock()
	listing := t.listing
	t.memory = p.memory
	if p.config.API != t.config.API {
		t.listing = listing
	}
	t.owners = nil
}

// Name is the target label of the series.
func (t *Target) Name() string { return t.config.Name }

// Close lets go what the target holds, after a visit under way; visits that follow fail.
func (t *Target) Close() {
	t.visiting.Lock()
	defer t.visiting.Unlock()
	t.closed = true
	t.log.close()
	t.client.CloseIdleConnections()
}

// Visits are the target's places in the rounds.
func (t *Target) Visits() []collectors.Visit {
	var all []collectors.Visit
	if t.config.URL != "" {
		all = append(all, collectors.Visit{
			Key: collectors.Key{Collector: "traefik", Target: t.config.Name}, Collector: t,
			Timeout: answersAVisit*time.Duration(t.config.Timeout) + time.Second,
		})
	}
	if t.log != nil {
		t.log.target.Store(t)
		all = append(all, collectors.Visit{Key: collectors.Key{Collector: "traefik_log", Target: t.config.Name}, Collector: t.log})
	}
	return all
}

// answersAVisit is how many answers a visit has the time for: the page, and the API's.
const answersAVisit = 3

// Collect reads the metrics, asks the API where that is due, and reports what was counted since the
// target was first visited.
func (t *Target) Collect(ctx context.Context, b *collectors.Builder) error {
	t.visiting.Lock()
	defer t.visiting.Unlock()
	if t.closed {
		return errors.New("the target is no longer watched")
	}
	p, err := t.fetch(ctx)
	if err != nil {
		b.Set(metricUp, 0)
		return err
	}
	t.learn(ctx, b, p)
	if ctx.Err() != nil {
		return fmt.Errorf("ask Traefik: %w", context.Cause(ctx))
	}
	if t.began.IsZero() {
		t.began = b.At()
	}
	state := t.counters.take(p, b.At())
	t.traffic.add(p.readings, t.owners, state == anew)
	t.report(b, p, state)
	t.noteSettings()
	return nil
}

func (t *Target) fetch(ctx context.Context) (*page, error) {
	body, _, err := t.get(ctx, "metrics", t.config.URL)
	if err != nil {
		return nil, err
	}
	return t.counters.read(body)
}

// learn makes up its mind whose routers are whose. Where the API does not answer, what it said before
// holds good.
func (t *Target) learn(ctx context.Context, b *collectors.Builder, p *page) {
	named := map[string]bool{}
	news := false
	for _, r := range p.readings {
		if r.router != "" {
			named[r.router] = true
		}
		if r.entryPoint != "" && !t.points[r.entryPoint] {
			t.points[r.entryPoint], news = true, true
		}
	}
	if t.config.API != "" && t.listing.due(b.At(), time.Duration(t.config.Routers), named) {
		if err := t.list(ctx, b.At(), named); err == nil {
			news = true
		}
		if ctx.Err() == nil {
			t.complain(t.listing.err)
		}
	}
	tenants := t.options.Tenants.Current()
	if news || t.owners == nil || t.owners.tenants != tenants {
		t.owners = newOwners(t.listing.routers, tenants, t.patterns, maps.Clone(t.points))
		t.log.know(t.owners)
	}
}

// complain tells the log once for each reason that the API does not answer.
func (t *Target) complain(err error) {
	reason := ""
	if err != nil {
		reason = string(collectors.ReasonOf(err))
	}
	if reason != "" && reason != t.complaining {
		t.options.Logger.Warn("routers are not listed", "target", t.config.Name, "reason", reason, "error", err.Error())
	}
	t.complaining = reason
}

// Settings are what decides where requests go, as it was last read: the version, a digest of all
// routers, and when a configuration was taken last. False while that is not known.
func (t *Target) Settings() (map[string]string, bool) {
	if all := t.settings.Load(); all != nil {
		return maps.Clone(*all), true
	}
	return nil, false
}

// noteSettings keeps what Settings tells, so that nobody who asks has to wait for a visit.
func (t *Target) noteSettings() {
	if t.reloaded == 0 || t.config.API != "" && t.listing.at.IsZero() {
		return
	}
	all := map[string]string{"configuration": time.Unix(int64(t.reloaded), 0).UTC().Format(time.RFC3339)}
	if t.listing.version != "" {
		all["version"] = t.listing.version
	}
	if t.listing.digest != "" {
		all["routers"] = t.listing.digest
	}
	t.settings.Store(&all)
}

// logVisit is the visit to the access log. It outlives the target when only other settings were
// changed: its counters go on.
type logVisit struct {
	*accesslog.Reader
	config accesslog.Config
	target atomic.Pointer[Target] // whose visit it is
	owners atomic.Pointer[owners]
	held   atomic.Int32 // by how many targets
}

func newLogVisit(t *Target) (*logVisit, error) {
	c, p := t.config.AccessLog, t.options.Previous
	if c.Path == "" {
		return nil, nil
	}
	if p != nil && p.log != nil && p.config.Name == t.config.Name && reflect.DeepEqual(p.log.config, c) {
		p.log.held.Add(1)
		return p.log, nil
	}
	v := &logVisit{config: c}
	v.held.Store(1)
	v.target.Store(t)
	o := accesslog.Options{Logger: t.options.Logger, Tenants: t.options.Tenants, Tenant: v.tenant}
	if t.options.StateDir != "" {
		o.StatePath = filepath.Join(t.options.StateDir, "traefik-log-"+url.PathEscape(t.config.Name)+".json")
	}
	var err error
	v.Reader, err = accesslog.New(c, o)
	return v, err
}

// Collect reads what is new in the log. Where nobody else does, it asks the API before.
func (v *logVisit) Collect(ctx context.Context, b *collectors.Builder) error {
	if t := v.target.Load(); t.config.URL == "" || v.owners.Load() == nil {
		t.learnForLog(ctx, b)
	}
	return v.Reader.Collect(ctx, b)
}

// learnForLog is learn without a page.
func (t *Target) learnForLog(ctx context.Context, b *collectors.Builder) {
	t.visiting.Lock()
	defer t.visiting.Unlock()
	if t.closed {
		return
	}
	t.learn(ctx, b, &page{})
	t.log.know(t.owners)
	if t.config.URL == "" {
		t.reportRouters(b)
		t.unavailable(b)
	}
}

func (v *logVisit) tenant(router, service string) string {
	if o := v.owners.Load(); o != nil {
		return o.tenant(router, service)
	}
	return ""
}

func (v *logVisit) know(o *owners) {
	if v != nil {
		v.owners.Store(o)
	}
}

func (v *logVisit) close() {
	if v != nil && v.held.Add(-1) == 0 {
		v.Close()
	}
}
