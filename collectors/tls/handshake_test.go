package tls

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestGoodCertificate(t *testing.T) {
	top := root(t)
	c := below(t, top).issue(t, order{})
	e := serve(t, with(c))
	seen := atNorth(t, configFor(e, top.file(t)))
	_, known := seen.Serial(north)
	require.False(t, known, "nobody looked yet")
	batch := collect(t, seen)
	own, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	at := []string{"tenant", "north", "host", north}
	requireValue(t, batch, 1, "tls_handshake_success", at...)
	requireValue(t, batch, 1, "tls_certificate_valid", at...)
	requireValue(t, batch, 1, "tls_certificate_ok", at...)
	serial, _ := seen.Serial(north)
	require.Equal(t, own.SerialNumber.String(), serial)
	requireValue(t, batch, 1, "tls_certificate_info", append(at, "issuer", "Ward CA 1", "serial", own.SerialNumber.String())...)
	requireValue(t, batch, float64(own.NotAfter.Unix()), "tls_certificate_not_after_timestamp_seconds", at...)
	requireValue(t, batch, float64(own.NotBefore.Unix()), "tls_certificate_not_before_timestamp_seconds", at...)
	requireValue(t, batch, float64(own.NotAfter.Unix()), "probe_ssl_last_chain_expiry_timestamp_seconds", at...)
	requireValue(t, batch, float64(own.NotAfter.Unix()), "tls_chain_earliest_not_after_timestamp_seconds", at...)
	requireValue(t, batch, 2, "tls_chain_certificates", at...)
	requireValue(t, batch, 1, "probe_tls_version_info", append(at, "version", "TLS 1.3")...)
	requireValue(t, batch, 0, "tls_ocsp_stapled", at...)
	took, ok := value(batch, "tls_handshake_duration_seconds", at...)
	require.True(t, ok)
	require.Positive(t, took)
	require.Empty(t, reasons(batch, "tls_certificate_invalid"))
	require.Empty(t, reasons(batch, "tls_handshake_failure"))
	require.Empty(t, batch.Findings)
	_, asked := e.asked.Load(north)
	require.True(t, asked, "the name is asked for, whatever is connected to")

	seen.tenants.Replace(&collectors.Tenants{})
	collect(t, seen)
	_, known = seen.Serial(north)
	require.False(t, known, "nobody looks any more")
}

func TestCertificates(t *testing.T) {
	top, stranger := root(t), root(t)
	middle := below(t, top)
	ended := found(t, pkix.Name{Organization: []string{"Old Ward"}}, top, -100*day, -day)
	alone := func(c tls.Certificate) tls.Certificate {
		c.Certificate = c.Certificate[:1]
		return c
	}
	cases := map[string]struct {
		served  tls.Certificate
		invalid []string
		issuer  string
		says    string
	}{
		"expired":            {middle.issue(t, order{from: -91 * day, to: -day}), []string{"expired"}, "Ward CA 1", "it has ended"},
		"not yet valid":      {middle.issue(t, order{from: day, to: 91 * day}), []string{"not_yet_valid"}, "Ward CA 1", "it has not begun"},
		"other name":         {middle.issue(t, order{names: []string{"CANARY.example.test"}}), []string{"name_mismatch"}, "Ward CA 1", "it is for other names"},
		"self-signed":        {middle.issue(t, order{alone: true}), []string{"self_signed"}, "self-signed", "it vouches for itself"},
		"no intermediate":    {alone(middle.issue(t, order{})), []string{"incomplete_chain"}, "Ward CA 1", "it comes without the certificates between it and an authority"},
		"other authority":    {below(t, stranger).issue(t, order{}), []string{"unknown_authority"}, "Ward CA 1", "its authority is not trusted"},
		"old intermediate":   {ended.issue(t, order{}), []string{"chain_expired"}, "Old Ward", "one between it and its authority has ended or not begun"},
		"for clients":        {middle.issue(t, order{usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), []string{"usage"}, "Ward CA 1", "it, or its issuer, is for another use"},
		"nothing is right":   {middle.issue(t, order{alone: true, names: []string{"CANARY.example.test"}, from: -91 * day, to: -day}), []string{"expired", "name_mismatch", "self_signed"}, "self-signed", "it has ended, it is for other names, it vouches for itself"},
		"expired and alone":  {alone(middle.issue(t, order{from: -91 * day, to: -day})), []string{"expired", "incomplete_chain"}, "Ward CA 1", "it has ended, it comes without the certificates between it and an authority"},
		"wildcard of others": {middle.issue(t, order{names: []string{"*.other.test"}}), []string{"name_mismatch"}, "Ward CA 1", "it is for other names"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			batch := collect(t, atNorth(t, configFor(serve(t, with(c.served)), top.file(t))))
			requireValue(t, batch, 1, "tls_handshake_success", "tenant", "north")
			requireValue(t, batch, 0, "tls_certificate_valid", "tenant", "north")
			requireValue(t, batch, 0, "tls_certificate_ok", "tenant", "north")
			requireValue(t, batch, 1, "tls_certificate_info", "issuer", c.issuer)
			require.ElementsMatch(t, c.invalid, reasons(batch, "tls_certificate_invalid"))
			require.Equal(t, []string{"north certificate_invalid healthy critical: Browsers do not take the certificate of north.example.test: " + c.says + "."}, findings(batch))
			require.NotContains(t, page(batch), "CANARY")
			own, err := x509.ParseCertificate(c.served.Certificate[0])
			require.NoError(t, err)
			requireValue(t, batch, float64(own.NotAfter.Unix()), "tls_certificate_not_after_timestamp_seconds")
		})
	}
}

func TestWildcardIsTaken(t *testing.T) {
	top := root(t)
	e := serve(t, with(below(t, top).issue(t, order{names: []string{"*.example.test"}})))
	requireValue(t, collect(t, atNorth(t, configFor(e, top.file(t)))), 1, "tls_certificate_valid")
}

func TestEnding(t *testing.T) {
	top := root(t)
	middle := below(t, top)
	cases := map[string]struct {
		from, to time.Duration
		want     string // "" for none
	}{
		"long":              {-70 * day, 20 * day, ""},
		"soon":              {-80*day + time.Hour, 10*day + time.Hour, "warning: The certificate of north.example.test ends on %s, in 10 days"},
		"at once":           {-88 * day, 30 * time.Hour, "critical: The certificate of north.example.test ends on %s, in 29 h"},
		"short-lived":       {-4 * day, 2 * day, ""}, // a third is left, as when it is renewed
		"short-lived, late": {-5 * day, day, "warning: The certificate of north.example.test ends on %s, in 23 h"},
		"short-lived, over": {-143 * time.Hour, 2 * time.Hour, "critical: The certificate of north.example.test ends on %s, in 1 h"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := serve(t, with(middle.issue(t, order{from: c.from, to: c.to})))
			batch := collect(t, atNorth(t, configFor(e, top.file(t))))
			requireValue(t, batch, 1, "tls_certificate_valid")
			requireValue(t, batch, truth(c.want == ""), "tls_certificate_ok")
			if c.want == "" {
				require.Empty(t, batch.Findings)
				return
			}
			ends := time.Now().Add(c.to).UTC().Format(time.DateOnly)
			require.Equal(t, []string{"north certificate_ending contained " + fmt.Sprintf(c.want, ends) + "."}, findings(batch))
		})
	}
}

// TestChainEndsFirst is a certificate that outlives the one between it and the authority.
func TestChainEndsFirst(t *testing.T) {
	top := root(t)
	middle := found(t, pkix.Name{CommonName: "Ward CA 1"}, top, -100*day, 5*day)
	batch := collect(t, atNorth(t, configFor(serve(t, with(middle.issue(t, order{}))), top.file(t))))
	ends := float64(middle.certificate.NotAfter.Unix())
	requireValue(t, batch, ends, "tls_chain_earliest_not_after_timestamp_seconds")
	requireValue(t, batch, ends, "probe_ssl_last_chain_expiry_timestamp_seconds")
	require.Equal(t, "certificate_ending", batch.Findings[0].Name)
	require.Contains(t, batch.Findings[0].Text, "in 4 days")
}

func TestOutdatedProtocol(t *testing.T) {
	top := root(t)
	settings := with(below(t, top).issue(t, order{}))
	settings.MinVersion, settings.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	batch := collect(t, atNorth(t, configFor(serve(t, settings), top.file(t))))
	requireValue(t, batch, 1, "probe_tls_version_info", "version", "TLS 1.0")
	requireValue(t, batch, 1, "tls_certificate_valid")
	require.Equal(t, []string{"north tls_outdated contained warning: north.example.test speaks TLS 1.0, which browsers refuse."}, findings(batch))
}

func TestStapled(t *testing.T) {
	top := root(t)
	c := below(t, top).issue(t, order{})
	c.OCSPStaple = []byte("said by the responder")
	requireValue(t, collect(t, atNorth(t, configFor(serve(t, with(c)), top.file(t)))), 1, "tls_ocsp_stapled")
}

func TestFailures(t *testing.T) {
	top := root(t)
	silent := func(_ *edge, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	cases := map[string]struct {
		serve func(t *testing.T) Config
		want  Failure
	}{
		"nothing listens": {func(t *testing.T) Config {
			e := listen(t, silent)
			c := configFor(e, top.file(t))
			c.Address = freeAddress(t)
			return c
		}, FailureUnreachable},
		"tarpit": {func(t *testing.T) Config {
			c := configFor(listen(t, silent), top.file(t))
			c.Timeout = model.Duration(200 * time.Millisecond)
			return c
		}, FailureTimeout},
		"plain text": {func(t *testing.T) Config {
			return configFor(listen(t, func(_ *edge, conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nX: CANARY\r\n\r\n")
			}), top.file(t))
		}, FailureNotTLS},
		"hangs up": {func(t *testing.T) Config {
			return configFor(listen(t, func(_ *edge, conn net.Conn) { _, _ = conn.Read(make([]byte, 1024)) }), top.file(t))
		}, FailureBroken},
		"not for this name": {func(t *testing.T) Config {
			return configFor(serve(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}), top.file(t))
		}, FailureRefused},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			batch := collect(t, atNorth(t, c.serve(t)))
			requireValue(t, batch, 0, "tls_handshake_success", "tenant", "north", "host", north)
			require.Equal(t, []string{string(c.want)}, reasons(batch, "tls_handshake_failure"))
			for _, absent := range []string{"tls_handshake_duration_seconds", "tls_certificate_valid", "tls_certificate_ok", "probe_tls_version_info"} {
				_, there := value(batch, absent)
				require.False(t, there, absent)
			}
			require.Equal(t, []string{"north tls_failing healthy critical: north.example.test cannot be reached in TLS: " + failures[c.want] + "."}, findings(batch))
			require.NotContains(t, page(batch), "CANARY")
		})
	}
}

// TestNameThatLeadsNowhere has a name that cannot be one, so that nobody is asked for it.
func TestNameThatLeadsNowhere(t *testing.T) {
	c := configFor(listen(t, func(*edge, net.Conn) {}), root(t).file(t))
	c.Address = ""
	batch := collect(t, target(t, c, map[string][]string{"north": {strings.Repeat("a", 64) + ".test"}}))
	require.Equal(t, []string{string(FailureName)}, reasons(batch, "tls_handshake_failure"))
}

func TestConnectsToTheNameItself(t *testing.T) {
	top := root(t)
	e := serve(t, with(below(t, top).issue(t, order{names: []string{"localhost"}})))
	c := configFor(e, top.file(t))
	c.Address, c.Port = "", e.Addr().(*net.TCPAddr).Port
	requireValue(t, collect(t, target(t, c, map[string][]string{"north": {"localhost"}})), 1, "tls_certificate_valid", "host", "localhost")
}

func FuzzIssuer(f *testing.F) {
	for _, name := range []string{"Ward CA 1", "a\nb", "\xff\x00", strings.Repeat("é", 500), ""} {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, common, organization string) {
		c := &x509.Certificate{RawSubject: []byte{1}}
		c.Issuer = pkix.Name{CommonName: common, Organization: []string{organization}}
		shown := issuer(c)
		require.True(t, utf8.ValidString(shown))
		require.LessOrEqual(t, utf8.RuneCountInString(shown), longestIssuer)
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, shown)
	})
}

// TestAsksForOurCertificate is a host whose handshake fails since we have none to show.
func TestAsksForOurCertificate(t *testing.T) {
	top := root(t)
	settings := with(below(t, top).issue(t, order{}))
	settings.ClientAuth, settings.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	batch := collect(t, atNorth(t, configFor(serve(t, settings), top.file(t))))
	requireValue(t, batch, 0, "tls_handshake_success")
	require.Equal(t, []string{string(FailureRefused)}, reasons(batch, "tls_handshake_failure"))
	requireValue(t, batch, 1, "tls_certificate_valid")
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
