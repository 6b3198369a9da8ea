package tls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"time"
)

// Failure is why a host did not answer in TLS.
type Failure string

// The failures; "" is none.
const (
	FailureName        Failure = "name"        // the host's name leads nowhere
	FailureUnreachable Failure = "unreachable" // nothing listens there, or it cannot be reached
	FailureTimeout     Failure = "timeout"     // not within the time allowed
	FailureNotTLS      Failure = "not_tls"     // what answered does not speak TLS
	FailureRefused     Failure = "refused"     // it speaks TLS, but not for this name, or no version or cipher that browsers do
	FailureBroken      Failure = "broken"      // the connection ended in the middle of the handshake
)

// sight is what one look at a host showed.
type sight struct {
	at       time.Time
	failure  Failure
	took     time.Duration       // the handshake
	version  string              // such as TLS 1.3; "" where the handshake failed
	old      bool                // older than TLS 1.2
	cipher   string              //
	stapled  bool                //
	served   []*x509.Certificate // the host's own first; none where it sent none
	problems []Problem           // none where a browser takes it
	holds    time.Time           // until when; zero where it does not
}

var errSlow = errors.New("the look took longer than it may")

// look makes one handshake with a host. A certificate that came before the handshake failed, as
// where the host asks for one of ours, is seen all the same.
func (t *Target) look(ctx context.Context, host string) sight {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(t.config.Timeout), errSlow)
	defer cancel()
	s := sight{at: time.Now()}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.address(host))
	if err != nil {
		s.failure = unreached(ctx, err)
		return s
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{
		ServerName: host, NextProtos: []string{"h2", "http/1.1"},
		MinVersion: tls.VersionTLS10, InsecureSkipVerify: true, // judged afterwards: what is bad shall be seen too
		VerifyConnection: func(state tls.ConnectionState) error {
			s.show(state)
			return nil
		},
	})
	began := time.Now()
	err = client.HandshakeContext(ctx)
	s.took = time.Since(began)
	if err != nil {
		s.failure, s.version = broken(ctx, err), ""
	}
	return s
}

func (t *Target) address(host string) string {
	if t.config.Address != "" {
		return t.config.Address
	}
	return net.JoinHostPort(host, strconv.Itoa(t.config.Port))
}

func (s *sight) show(state tls.ConnectionState) {
	s.version, s.old = tls.VersionName(state.Version), state.Version < tls.VersionTLS12
	s.cipher = tls.CipherSuiteName(state.CipherSuite)
	s.stapled = len(state.OCSPResponse) > 0
	s.served = state.PeerCertificates
}

// unreached is why there was no connection.
func unreached(ctx context.Context, err error) Failure {
	var dns *net.DNSError
	switch {
	case timedOut(ctx, err):
		return FailureTimeout
	case errors.As(err, &dns):
		return FailureName
	}
	return FailureUnreachable
}

// broken is why there was no handshake.
func broken(ctx context.Context, err error) Failure {
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case timedOut(ctx, err):
		return FailureTimeout
	case errors.As(err, &record):
		return FailureNotTLS
	case errors.As(err, &network) && network.Op != "remote error", isEnd(err):
		return FailureBroken
	}
	return FailureRefused // in so many words, or by an answer that no browser would take
}

func timedOut(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.As(err, &network) && network.Timeout()
}
