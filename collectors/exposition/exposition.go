package exposition

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/wardround/wardround/collectors"
)

// Options says what is served.
type Options struct {
	Store    *collectors.Store   // required
	Gatherer prometheus.Gatherer // the daemon's own metrics; nil means none
	Log      *slog.Logger        // told of what cannot be shown; nil means nobody is
}

func (o Options) validate() error {
	if o.Store == nil {
		return errors.New("exposition: Store is required")
	}
	return nil
}

// Exposition is the handler of /metrics. It is safe for any number of scrapers; none of them
// waits for another one's network.
type Exposition struct {
	store *collectors.Store
	own   own
	log   *slog.Logger

	mu         sync.Mutex
	generation uint64 // of the Store, that families show
	families   *families
	names      []string       // of the families, sorted; never changed, only replaced
	pages      map[form]*page // of this generation, made when first asked for
	size       int            // room for a page that is not compressed
	text       []byte         // working space: one family's text
	deflated   []byte         // working space: the same, compressed
}

// page is everything but the daemon's own metrics, in one form. It is immutable.
type page struct {
	body  []byte
	sum   checksum // of the text, where body is compressed
	names []string // of the families on it, sorted
}

// New returns a handler for what the Options name.
func New(o Options) (*Exposition, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Exposition{
		store:    o.Store,
		own:      own{gatherer: o.Gatherer, log: o.Log},
		log:      o.Log,
		families: newFamilies(),
		pages:    map[form]*page{},
	}, nil
}

// ServeHTTP serves text 0.0.4 or OpenMetrics, compressed with gzip for those who accept it.
func (e *Exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form, format := negotiate(r.Header)
	page := e.page(form)
	rest := e.own.render(page.names, format)
	defer rest.release()
	end := rest.text.Bytes()
	if form.gzip {
		end = rest.compress(page.sum)
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Type", string(format))
	w.Header().Set("Content-Length", strconv.Itoa(len(page.body)+len(end)))
	w.Header().Add("Vary", "Accept, Accept-Encoding")
	if err := write(w, page.body, end); err != nil {
		e.log.DebugContext(r.Context(), "a scraper went away", "error", err)
	}
}

// WriteText writes everything as text 0.0.4.
func (e *Exposition) WriteText(w io.Writer) error {
	page := e.page(form{})
	rest := e.own.render(page.names, expfmt.FmtText)
	defer rest.release()
	return write(w, page.body, rest.text.Bytes())
}

func write(w io.Writer, parts ...[]byte) error {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Conflicts says in words what the batches bring that cannot be shown: one name with two types,
// one series twice. Each is a fault of a collector or of the configuration.
func (e *Exposition) Conflicts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refresh()
	return slices.Clone(e.families.conflicts)
}

// page returns the page of the Store's generation as of now. Whoever comes first makes it; those
// who come meanwhile wait for that and get the same.
func (e *Exposition) page(f form) *page {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refresh()
	p, ok := e.pages[f]
	if !ok {
		p = e.render(f)
		e.pages[f] = p
	}
	return p
}

// refresh lets families show the Store's generation as of now. Pages of an earlier one are let go.
func (e *Exposition) refresh() {
	if e.store.Generation() == e.generation {
		return
	}
	batches, generation := e.store.Snapshot()
	e.generation = generation
	before := e.families.conflicts
	if e.families.update(batches) {
		clear(e.pages)
		e.names = e.families.names()
	}
	if now := e.families.conflicts; !slices.Equal(now, before) {
		e.log.Warn("the conflicts among metrics have changed", "conflicts", now)
	}
}

func (e *Exposition) render(f form) *page {
	p := &page{names: e.names}
	if f.gzip {
		e.compress(p, f.openMetrics)
		return p
	}
	p.body = make([]byte, 0, e.size)
	for _, family := range e.families.sorted {
		p.body = family.appendLines(family.appendHeader(p.body, f.openMetrics))
	}
	e.size = len(p.body) + len(p.body)/32
	return p
}

// compress puts the families' pieces one behind the other.
func (e *Exposition) compress(p *page, openMetrics bool) {
	size := len(gzipHeader)
	for _, family := range e.families.sorted {
		e.renew(family, openMetrics)
		size += len(family.headers[openMetrics].deflated) + len(family.body.deflated)
	}
	p.body = append(make([]byte, 0, size), gzipHeader...)
	for _, family := range e.families.sorted {
		for _, part := range [...]*piece{family.headers[openMetrics], &family.body} {
			p.body = append(p.body, part.deflated...)
			p.sum = p.sum.then(part.sum)
		}
	}
}

// renew compresses what of a family has changed.
func (e *Exposition) renew(f *family, openMetrics bool) {
	if f.headers[openMetrics] == nil {
		header := &piece{}
		e.text = f.appendHeader(e.text[:0], openMetrics)
		e.deflated = header.set(e.text, e.deflated)
		f.headers[openMetrics] = header
	}
	if f.stale {
		e.text = f.appendLines(e.text[:0])
		e.deflated = f.body.set(e.text, e.deflated)
		f.stale = false
	}
}
