package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// exchange is one request with its answer, redirects included.
type exchange struct {
	outcome   Outcome // OutcomeOK as long as nothing speaks against it
	status    int     // 0 where there was no answer
	version   float64
	header    http.Header
	body      []byte
	redirects int
	encrypted bool
	expires   time.Time // the first of the certificates shown; zero without one
	took      time.Duration
	phases    map[string]time.Duration
}

// largestBody is how much of an answer is read.
const largestBody = 1 << 20

var errRedirect = errors.New("redirected elsewhere, or too often")

// perform sends a request and reads the answer.
func perform(ctx context.Context, client *http.Client, request *http.Request) exchange {
	e := exchange{outcome: OutcomeOK}
	clock := newClock()
	began := time.Now()
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(ctx, clock.trace())))
	if err == nil {
		defer response.Body.Close()
		e.status, e.header = response.StatusCode, response.Header
		e.version = float64(response.ProtoMajor) + float64(response.ProtoMinor)/10
		for r := response.Request; r.Response != nil; r = r.Response.Request {
			e.redirects++
		}
		e.body, err = io.ReadAll(io.LimitReader(response.Body, largestBody+1))
		if len(e.body) > largestBody {
			e.body, e.outcome = e.body[:largestBody], OutcomeLarge
		}
		e.shown(response.TLS)
	}
	e.took = time.Since(began)
	e.phases = clock.end()
	if err != nil {
		e.outcome = unanswered(ctx, err)
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			e.expires, e.encrypted = earliest(untrusted.UnverifiedCertificates), true
		}
	}
	return e
}

func (e *exchange) shown(state *tls.ConnectionState) {
	if state != nil {
		e.encrypted, e.expires = true, earliest(state.PeerCertificates)
	}
}

func earliest(certificates []*x509.Certificate) time.Time {
	var first time.Time
	for _, c := range certificates {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

func unanswered(ctx context.Context, err error) Outcome {
	var network net.Error
	var untrusted *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &untrusted):
		return OutcomeCertificate
	case errors.Is(err, errRedirect):
		return OutcomeRedirect
	case ctx.Err() != nil, errors.As(err, &network) && network.Timeout():
		return OutcomeTimeout
	case errors.As(err, &dns):
		return OutcomeName
	}
	return OutcomeUnreachable
}

// The phases of a request, as blackbox_exporter calls them.
const (
	phaseResolve    = "resolve"
	phaseConnect    = "connect"
	phaseTLS        = "tls"
	phaseProcessing = "processing" // from the connection until the first byte
	phaseTransfer   = "transfer"
)

var phases = []string{phaseResolve, phaseConnect, phaseTLS, phaseProcessing, phaseTransfer}

// clock times the phases of a request and of those that it is redirected to. The transport may
// dial two addresses at once: from the first attempt to the first success counts.
type clock struct {
	mu     sync.Mutex
	spent  map[string]time.Duration
	phase  string
	since  time.Time
	dialed bool
}

func newClock() *clock {
	c := &clock{spent: map[string]time.Duration{}}
	for _, p := range phases {
		c.spent[p] = 0
	}
	return c
}

// enter ends the phase that is under way and begins another, "" for none.
func (c *clock) enter(phase string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.phase != "" {
		c.spent[c.phase] += now.Sub(c.since)
	}
	c.phase, c.since = phase, now
}

func (c *clock) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:           func(string) { c.begin() },
		DNSStart:          func(httptrace.DNSStartInfo) { c.enter(phaseResolve) },
		DNSDone:           func(httptrace.DNSDoneInfo) { c.enter("") },
		ConnectStart:      func(string, string) { c.dial() },
		TLSHandshakeStart: func() { c.enter(phaseTLS) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { c.enter("") },
		GotConn:           func(httptrace.GotConnInfo) { c.enter(phaseProcessing) },
		GotFirstResponseByte: func() {
			c.enter(phaseTransfer)
		},
	}
}

func (c *clock) begin() {
	c.enter("")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialed = false
}

func (c *clock) dial() {
	c.mu.Lock()
	again := c.dialed
	c.dialed = true
	c.mu.Unlock()
	if !again {
		c.enter(phaseConnect)
	}
}

func (c *clock) end() map[string]time.Duration {
	c.enter("")
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]time.Duration, len(phases))
	for _, p := range phases {
		all[p] = c.spent[p]
	}
	return all
}
