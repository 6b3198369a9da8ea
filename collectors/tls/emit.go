package tls

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/wardround/wardround/collectors"
)

// emit writes what is known of a host.
func (t *Target) emit(b *collectors.Builder, h *host) {
	s := h.seen
	if s == nil {
		return
	}
	set := func(m *collectors.Metric, value float64, labels ...string) {
		b.SetFor(h.tenant, m, value, append([]string{h.name}, labels...)...)
	}
	set(metricLooked, seconds(s.at))
	set(metricHandshake, truth(s.failure == ""))
	if s.failure != "" {
		set(metricFailure, 1, string(s.failure))
	} else {
		set(metricDuration, s.took.Seconds())
		set(metricVersion, 1, s.version)
		set(metricCipher, 1, s.cipher)
		set(metricStapled, truth(s.stapled))
	}
	if len(s.served) > 0 {
		t.emitCertificate(b.At(), s, set)
	}
	t.find(b, h)
}

func (t *Target) emitCertificate(now time.Time, s *sight, set func(m *collectors.Metric, value float64, labels ...string)) {
	own := s.served[0]
	set(metricValid, truth(len(s.problems) == 0))
	for _, p := range s.problems {
		set(metricInvalid, 1, string(p))
	}
	set(metricOK, truth(len(s.problems) == 0 && t.ending(s, now) == ""))
	set(metricInfo, 1, own.SerialNumber.String(), issuer(own))
	set(metricNotAfter, seconds(own.NotAfter))
	set(metricNotBefore, seconds(own.NotBefore))
	set(metricServed, float64(len(s.served)))
	set(metricEarliest, seconds(earliest(s.served)))
	if !s.holds.IsZero() {
		set(metricChain, seconds(s.holds))
	}
}

func (t *Target) count(b *collectors.Builder) {
	unseen := 0
	for _, h := range t.hosts {
		if h.seen == nil {
			unseen++
		}
	}
	b.Set(metricHosts, float64(len(t.hosts)))
	b.Set(metricUnseen, float64(unseen))
}

// longestIssuer is how much of an issuer's name is shown.
const longestIssuer = 64

// issuer is the name of who issued a certificate. One that vouches for itself is not named by what it
// says of itself: that is its subject.
func issuer(c *x509.Certificate) string {
	if selfSigned(c) {
		return "self-signed"
	}
	name := c.Issuer.CommonName
	if name == "" && len(c.Issuer.Organization) > 0 {
		name = c.Issuer.Organization[0]
	}
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, name)
	runes := []rune(printable)
	return string(runes[:min(len(runes), longestIssuer)])
}

// failures are the failures in a sentence.
var failures = map[Failure]string{
	FailureName: "its name leads nowhere", FailureUnreachable: "nothing answers there", FailureTimeout: "no answer in time",
	FailureNotTLS: "what answers does not speak TLS", FailureRefused: "the handshake is refused", FailureBroken: "the connection ends in the middle of the handshake",
}

func (t *Target) find(b *collectors.Builder, h *host) {
	s := h.seen
	find := func(name string, q collectors.Question, severity collectors.Severity, format string, args ...any) {
		b.Find(collectors.Finding{Tenant: h.tenant, Name: name, Question: q, Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	if s.failure != "" {
		find("tls_failing", collectors.Healthy, collectors.Critical, "%s cannot be reached in TLS: %s", h.name, failures[s.failure])
	}
	if s.failure == "" && s.old {
		find("tls_outdated", collectors.Contained, collectors.Warning, "%s speaks %s, which browsers refuse", h.name, s.version)
	}
	if len(s.problems) > 0 {
		var why []string
		for _, p := range s.problems {
			why = append(why, words[p])
		}
		find("certificate_invalid", collectors.Healthy, collectors.Critical, "Browsers do not take the certificate of %s: %s", h.name, strings.Join(why, ", "))
		return
	}
	if severity := t.ending(s, b.At()); severity != "" {
		find("certificate_ending", collectors.Contained, severity, "The certificate of %s ends on %s, in %s",
			h.name, s.holds.UTC().Format(time.DateOnly), span(s.holds.Sub(b.At())))
	}
}

// ending says how bad it is that a certificate ends when it does, "" where it is not. One that is
// valid for a short time only is renewed late: a fifth of its time must be left, or a fifteenth.
func (t *Target) ending(s *sight, now time.Time) collectors.Severity {
	if len(s.served) == 0 || s.holds.IsZero() {
		return ""
	}
	whole, left := s.served[0].NotAfter.Sub(s.served[0].NotBefore), s.holds.Sub(now)
	switch {
	case left < min(time.Duration(t.config.Critical), whole/15):
		return collectors.Critical
	case left < min(time.Duration(t.config.Warning), whole/5):
		return collectors.Warning
	}
	return ""
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	if hours := int(d.Hours()); hours < 48 {
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

func seconds(at time.Time) float64 { return float64(at.Unix()) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
