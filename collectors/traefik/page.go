package traefik

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/wardround/wardround/collectors"
)

// level is where Traefik counts: a request comes through the entry point to a router and from there,
// unless a middleware answers it, to a service.
type level uint8

const (
	ofProcess level = iota
	ofEntryPoint
	ofRouter
	ofService
)

// fact is what a family counts or says.
type fact uint8

const (
	factRequests fact = iota
	factTLS
	factRequestBytes
	factResponseBytes
	factBucket
	factSum
	factRetries
	factReloads
	factReloadFailures
	counted // those before grow; those behind say how it is
	factReloaded
	factReloadFailed
	factConnections
	factServerUp
	factCertificate
	factStarted
)

// family is one that is read; all others are passed over.
type family struct {
	level level
	fact  fact
}

var families = func() map[string]family {
	all := map[string]family{
		"traefik_config_reloads_total":         {ofProcess, factReloads},
		"traefik_config_reloads_failure_total": {ofProcess, factReloadFailures}, // version 2
		"traefik_config_last_reload_success":   {ofProcess, factReloaded},
		"traefik_config_last_reload_failure":   {ofProcess, factReloadFailed}, // version 2
		"traefik_open_connections":             {ofProcess, factConnections},
		"traefik_tls_certs_not_after":          {ofProcess, factCertificate},
		"traefik_service_retries_total":        {ofService, factRetries},
		"traefik_service_server_up":            {ofService, factServerUp},
		"process_start_time_seconds":           {ofProcess, factStarted},
	}
	for name, level := range map[string]level{"entrypoint": ofEntryPoint, "router": ofRouter, "service": ofService} {
		for what, fact := range map[string]fact{
			"requests_total": factRequests, "requests_tls_total": factTLS, "requests_bytes_total": factRequestBytes,
			"responses_bytes_total": factResponseBytes, "request_duration_seconds_bucket": factBucket, "request_duration_seconds_sum": factSum,
		} {
			all["traefik_"+name+"_"+what] = family{level, fact}
		}
	}
	return all
}()

// series is one that was on a page. Of its labels only those are kept that are of use, and only if
// they are technical names.
type series struct {
	family
	entryPoint, router, service string
	code, method, protocol      string
	version, cipher             string
	url, cn, sans, serial       string
	le                          float64

	value float64 // on the page where it stood last
	page  int     // number of that page
	owner string  // tenant, "" for none
	asked *owners // who said so
}

// reading is a series with its value on the page at hand, and what it grew by since the one before.
type reading struct {
	*series
	value float64
	grown float64
}

// counters remember the series of the pages of one target.
type counters struct {
	known   map[string]*series // as written on the page
	pages   int                // that were taken
	started float64            // when the process began that answered last, in seconds since 1970
	visited time.Time          // the visit before
}

// page is what one page says.
type page struct {
	readings []reading
	fresh    map[string]*series // that were on no page before
	started  float64            // 0 where it does not say
	skipped  int                // series whose values are impossible
	traefik  bool               // it is Traefik's
}

// read takes a page apart. It changes nothing: a page may turn out to be broken in its last line.
func (c *counters) read(body []byte) (*page, error) {
	broken := func(what string) error { return collectors.Because(collectors.ReasonProtocol, errors.New(what)) }
	// What the parser lets pass: a last line that was cut, and for a null byte, the end.
	if len(body) == 0 || body[len(body)-1] != '\n' || bytes.IndexByte(body, 0) >= 0 {
		return nil, broken("the page of metrics does not end in a whole line, or is no text")
	}
	parser := textparse.NewPromParser(body, labels.NewSymbolTable(), false)
	p := &page{fresh: map[string]*series{}, readings: make([]reading, 0, len(c.known))}
	for n := 0; ; n++ {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF) && p.traefik:
			return p, nil
		case errors.Is(err, io.EOF):
			return nil, broken("the page of metrics is not Traefik's")
		case err != nil:
			return nil, broken(fmt.Sprintf("the page of metrics cannot be read behind its entry %d", n))
		case entry == textparse.EntrySeries:
			p.take(c, parser)
		}
	}
}

func (p *page) take(c *counters, parser textparse.Parser) {
	text, _, value := parser.Series()
	s := c.known[string(text)]
	if s == nil {
		if s = newSeries(text, parser); s == nil {
			return
		}
		p.fresh[string(text)] = s
	}
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		p.skipped++
		return
	}
	switch s.fact {
	case factReloads:
		p.traefik = true
	case factStarted:
		p.started = value
	}
	p.readings = append(p.readings, reading{series: s, value: value})
}

// newSeries reads the labels of a series, nil where it is of no family that is read.
func newSeries(text []byte, parser textparse.Parser) *series {
	name, _, _ := bytes.Cut(text, []byte("{"))
	of, is := families[string(name)]
	if !is {
		return nil
	}
	s := &series{family: of, page: -1}
	var all labels.Labels
	parser.Labels(&all)
	var err error
	all.Range(func(l labels.Label) {
		switch l.Name {
		case "entrypoint":
			s.entryPoint = technical(l.Value)
		case "router":
			s.router = technical(l.Value)
		case "service":
			s.service = technical(l.Value)
		case "code":
			s.code = code(l.Value)
		case "method":
			s.method = method(l.Value)
		case "protocol":
			s.protocol = protocol(l.Value)
		case "tls_version":
			s.version = technical(l.Value)
		case "tls_cipher":
			s.cipher = technical(l.Value)
		case "url":
			s.url = server(l.Value)
		case "cn":
			s.cn = host(l.Value)
		case "sans":
			s.sans = hosts(l.Value)
		case "serial":
			s.serial = technical(l.Value)
		case "le":
			s.le, err = strconv.ParseFloat(strings.TrimSpace(l.Value), 64)
		}
	})
	if err != nil || of.fact == factBucket && math.IsNaN(s.le) {
		return nil
	}
	return s
}

// began is what a page says of the process that wrote it.
type began int

const (
	same    began = iota // the one that wrote the page before
	first                // there was none before
	anew                 // it began since: all that it counted is new
	another              // it has been there for longer: what it counted is not known to be new
)

// take makes the page the one that the next is compared with, and says what each series grew by. The
// first page's series did not grow: what they counted came before us.
func (c *counters) take(p *page, now time.Time) began {
	state := c.began(p)
	c.pages++
	for text, s := range p.fresh {
		c.known[text] = s
	}
	for i := range p.readings {
		r := &p.readings[i]
		switch {
		case state == first || state == another || r.fact > counted:
		case state == anew || r.page < 0 || r.value < r.series.value: // Traefik forgot it, and began anew
			r.grown = r.value
		default:
			r.grown = r.value - r.series.value
		}
		r.series.value, r.page = r.value, c.pages
	}
	for text, s := range c.known {
		if state != same && s.page != c.pages || c.pages-s.page > forgotten {
			delete(c.known, text)
		}
	}
	if p.started > 0 {
		c.started = p.started
	}
	c.visited = now
	return state
}

// forgotten is after how many pages a series is one that Traefik removed; a page may be short.
const forgotten = 10

// jitter is what one process's start differs by, in seconds: it is counted from the machine's start,
// which Linux tells in whole seconds and takes from the clock.
const jitter = 1.1

// skew is what two machines' clocks may differ by.
const skew = time.Minute

func (c *counters) began(p *page) began {
	switch {
	case c.pages == 0:
		return first
	case p.started == 0 || c.started == 0 || math.Abs(p.started-c.started) <= jitter:
		return same
	case p.started < float64(c.visited.Add(-skew).Unix()):
		return another
	}
	return anew
}
