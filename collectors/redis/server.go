package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/sourcegraph/conc/pool"

	"github.com/wardround/wardround/collectors"
)

// Server is one configured Redis as a collectors.Collector: a single server, or a set of them. It
// keeps one connection to each server between visits, until Close.
type Server struct {
	config Config
	save   rule
	dial   dial
	finder finder // nil for a single server

	asking sync.Mutex // held during a visit and by Close
	nodes  map[string]*node
	closed bool

	known    sync.Mutex // for settings, which are read between visits
	settings map[string]string
}

// finder tells which servers there are.
type finder interface {
	// find asks for the servers and writes what it learns besides. known are those of the visit
	// before. An error means that it cannot be learned now.
	find(ctx context.Context, p page, known []place) ([]place, error)
	close() error
}

// place is one server of a set, and the keys that it holds.
type place struct {
	address string
	holds   func(Key) bool
}

// Quiet silences the Redis client's own logger, which is one for the whole process and would say
// on standard error what the rounds' log already says. A program calls it once, in main.
func Quiet() { logging.Disable() }

// New prepares the visits; it connects to nothing yet. The configuration must be valid; what
// cannot be read (password files, certificates) is an error here, not at night.
func New(c Config) (*Server, error) {
	if _, _, err := c.login().read(); err != nil {
		return nil, collectors.Invalid("password_file", "%v", err)
	}
	dial, err := dialer(c.TLS)
	if err != nil {
		return nil, err
	}
	save, err := parseRule(c.Save)
	if err != nil {
		return nil, collectors.Invalid("save", "%v", err)
	}
	s := &Server{config: c, save: save, dial: dial, nodes: map[string]*node{}}
	switch {
	case c.Sentinel != nil:
		if _, _, err := c.Sentinel.login().read(); err != nil {
			return nil, collectors.Invalid("sentinel.password_file", "%v", err)
		}
		s.finder = newSentinels(c, dial)
	case c.Cluster:
		s.finder = newCluster(c, dial)
	default:
		s.keep([]place{{address: c.Address}})
	}
	return s, nil
}

// Close closes the connections, after a visit under way; visits that follow fail.
func (s *Server) Close() error {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, n := range s.nodes {
		errs = append(errs, n.close())
	}
	if s.finder != nil {
		errs = append(errs, s.finder.close())
	}
	return errors.Join(errs...)
}

// Visit is the server's place in the rounds.
func (s *Server) Visit() collectors.Visit {
	return collectors.Visit{Key: collectors.Key{Collector: "redis", Target: s.config.Name}, Collector: s}
}

// Collect asks each server how it is, all at once. Of those that do not answer it says that they
// are down; that none answers, or that it cannot be learned which there are, is an error.
func (s *Server) Collect(ctx context.Context, b *collectors.Builder) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.closed {
		return errors.New("the server is no longer watched")
	}
	p := page{Builder: b, tenants: s.config.Databases, compat: s.config.Compat, remarks: &remarks{}}
	places, err := s.places(ctx, p)
	if err != nil {
		p.set(metricUp, 0)
		return err
	}
	s.keep(places)
	got := s.ask(ctx, places)
	var failed []error
	for _, place := range places {
		n, a := s.nodes[place.address], got[place.address]
		at := p
		at.node = n.label
		n.emit(at, a, b.At())
		if a.err != nil {
			failed = append(failed, a.err)
			if s.finder != nil {
				at.findDown()
				b.Notef("%v", a.err)
			}
		}
	}
	if len(failed) == len(places) {
		return failed[0]
	}
	p.remarks.tell(b)
	s.remember(places)
	return nil
}

// places are the servers to ask. While nobody tells which there are, they are those of before.
func (s *Server) places(ctx context.Context, p page) ([]place, error) {
	if s.finder == nil {
		return []place{{address: s.config.Address}}, nil
	}
	var known []place
	for _, address := range slices.Sorted(maps.Keys(s.nodes)) {
		known = append(known, s.nodes[address].place)
	}
	half, cancel := share(ctx, 2)
	defer cancel()
	places, err := s.finder.find(half, p, known)
	if err != nil && len(known) > 0 && ctx.Err() == nil {
		p.lack(lack{"topology", err})
		return known, nil
	}
	return unique(places), err
}

// mostNodes bounds how many connections and series an answer can make us have.
const mostNodes = 500

// unique leaves one place of each address: of a node that came back under another name only one
// holds anything.
func unique(places []place) []place {
	var all []place
	for _, at := range places {
		same := func(o place) bool { return o.address == at.address }
		i := slices.IndexFunc(all, same)
		if i < 0 {
			all = append(all, at)
			continue
		}
		one, other := all[i].holds, at.holds
		all[i].holds = func(k Key) bool { return one == nil || other == nil || one(k) || other(k) }
	}
	return all[:min(len(all), mostNodes)]
}

// keep makes nodes of new places and closes those that are gone.
func (s *Server) keep(places []place) {
	gone := maps.Clone(s.nodes)
	for _, at := range places {
		n := gone[at.address]
		delete(gone, at.address)
		if n == nil {
			n = s.node(at.address)
			s.nodes[at.address] = n
		}
		n.place = at
	}
	for address, n := range gone {
		_ = n.close() // of a connection that is not used any more
		delete(s.nodes, address)
	}
}

func (s *Server) node(address string) *node {
	n := &node{
		link: newLink(address, s.config.DB, s.config.login(), s.dial),
		user: s.config.Username, save: s.save, keys: newKeys(s.config.Keys, s.config.DB),
	}
	if n.user == "" {
		n.user = "default"
	}
	if s.finder != nil {
		n.label = address
	}
	return n
}

// atOnce is how many servers are asked at the same time.
const atOnce = 64

// ask asks all of them. In a set, one that hangs must not take the time in which the others'
// answers are written.
func (s *Server) ask(ctx context.Context, places []place) map[string]*answers {
	if s.finder != nil {
		limited, cancel := share(ctx, 4.0/3)
		defer cancel()
		ctx = limited
	}
	got := make([]*answers, len(places))
	p := pool.New().WithMaxGoroutines(atOnce)
	for i, at := range places {
		p.Go(func() { got[i] = s.nodes[at.address].ask(ctx) })
	}
	p.Wait()
	all := map[string]*answers{}
	for i, at := range places {
		all[at.address] = got[i]
	}
	return all
}

var errShare = collectors.Because(collectors.ReasonTimeout, errors.New("the server took more than its share of the visit's time"))

// share gives a part of what is left of the context's time.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	left := time.Duration(float64(time.Until(end)) / part)
	return context.WithTimeoutCause(ctx, left, errShare)
}

// remember keeps the settings for those who compare them.
func (s *Server) remember(places []place) {
	all := map[string]string{}
	for _, at := range places {
		n := s.nodes[at.address]
		if n.settings == nil {
			return // a part that was never read must not look like one that is gone
		}
		for name, value := range n.settings {
			if n.label != "" {
				name = fmt.Sprintf("%s@%s", name, n.label)
			}
			all[name] = value
		}
	}
	s.known.Lock()
	defer s.known.Unlock()
	s.settings = all
}

// Settings are the server's settings as they were last read, by name; in a set by name@node.
// Passwords, files and addresses are not among them. False means that they are not known yet, or
// that some server never let us read them.
func (s *Server) Settings() (map[string]string, bool) {
	s.known.Lock()
	defer s.known.Unlock()
	return maps.Clone(s.settings), s.settings != nil
}
