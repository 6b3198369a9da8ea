package exposition

import (
	"bytes"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// own is the daemon's own metrics: few, and different at each scrape.
type own struct {
	gatherer prometheus.Gatherer
	log      *slog.Logger
	buffers  sync.Pool // of *rest

	mu      sync.Mutex
	trouble string // what was logged last
}

// rest is the end of one response.
type rest struct {
	text     bytes.Buffer
	deflated []byte
	home     *sync.Pool
}

func (r *rest) release() { r.home.Put(r) }

// compress ends the gzip member whose text so far has the given checksum.
func (r *rest) compress(before checksum) []byte {
	r.deflated = deflate(r.deflated[:0], r.text.Bytes())
	r.deflated = appendGzipEnd(r.deflated, before.then(newChecksum(r.text.Bytes())))
	return r.deflated
}

// render gathers the daemon's own metrics, leaving out families that are on the page already, and
// ends the text. The caller releases what it returns.
func (o *own) render(taken []string, format expfmt.Format) *rest {
	r, ok := o.buffers.Get().(*rest)
	if !ok {
		r = &rest{home: &o.buffers}
	}
	r.text.Reset()
	o.report(o.encode(r, taken, format))
	return r
}

// encode writes all that can be written, and returns the first thing that could not.
func (o *own) encode(r *rest, taken []string, format expfmt.Format) error {
	encoder := expfmt.NewEncoder(&r.text, format)
	var trouble error
	if o.gatherer != nil {
		families, err := o.gatherer.Gather()
		trouble = err
		for _, family := range families {
			if _, found := slices.BinarySearch(taken, family.GetName()); found {
				trouble = errTaken(family.GetName())
				continue
			}
			if err := encoder.Encode(family); err != nil {
				trouble = err
			}
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			return err
		}
	}
	return trouble
}

// errTaken is a name that a collector has given one of its families.
type errTaken string

func (e errTaken) Error() string { return "a collector has a family " + string(e) + " as well" }

// report logs trouble when it differs from that of the scrape before.
func (o *own) report(err error) {
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if trouble != o.trouble && trouble != "" {
		o.log.Warn("not all of the daemon's own metrics can be served", "error", err)
	}
	o.trouble = trouble
}
