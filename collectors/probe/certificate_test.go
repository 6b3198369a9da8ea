package probe

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestCertificate(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	step := Step{URL: "https://{host}/"}
	expires := float64(s.Certificate().NotAfter.Unix())

	c := to(s.address(), Probe{Steps: []Step{step}})
	c.TLS = &promconfig.TLSConfig{CAFile: ca}
	b := collect(t, visits(t, c, north)[0])
	require.Equal(t, OutcomeOK, outcome(b))
	require.InDelta(t, expires, value(t, b, "probe_ssl_earliest_cert_expiry"), 0)
	require.InDelta(t, 1, value(t, b, "probe_http_ssl"), 0)
	require.Positive(t, value(t, b, "probe_http_duration_seconds", "phase", "tls"))
	require.Positive(t, value(t, b, "probe_http_duration_seconds", "phase", "connect"))
	require.Empty(t, b.Findings)

	c.Probes[0].Certificate = model.Duration(100 * 365 * 24 * time.Hour)
	b = collect(t, visits(t, c, north)[0])
	require.Len(t, b.Findings, 1)
	require.Equal(t, "probe_certificate_ending", b.Findings[0].Name)
	require.Regexp(t, `^The certificate that the probe portal is shown ends in \d+ d \d+ h\.$`, b.Findings[0].Text)

	c.TLS, c.Probes[0].Certificate = nil, 0
	b = collect(t, visits(t, c, north)[0])
	require.Equal(t, OutcomeCertificate, outcome(b), "nobody vouches for it")
	require.InDelta(t, expires, value(t, b, "probe_ssl_earliest_cert_expiry"), 0, "it is seen all the same")
}

func TestCertificateFindings(t *testing.T) {
	now := time.Now()
	run := &Run{probe: &probe{Probe: Probe{Name: "portal"}}}
	for name, tc := range map[string]struct {
		left     time.Duration
		severity collectors.Severity // "" for none
		text     string
	}{
		"long":   {20 * 24 * time.Hour, "", ""},
		"soon":   {10 * 24 * time.Hour, collectors.Warning, "ends in 10 d 0 h."},
		"sooner": {2 * 24 * time.Hour, collectors.Critical, "ends in 2 d 0 h."},
		"ended":  {-90 * time.Minute, collectors.Critical, "ended 1 h 30 min ago."},
	} {
		t.Run(name, func(t *testing.T) {
			b := collectors.NewBuilder(collectors.Key{Collector: "probe", Target: "web", Tenant: "north"}, now)
			run.findCertificate(b, []reached{{exchange: exchange{expires: now.Add(100 * 24 * time.Hour)}}, {exchange: exchange{expires: now.Add(tc.left)}}, {}})
			findings := b.Batch().Findings
			if tc.severity == "" {
				require.Empty(t, findings)
				return
			}
			require.Equal(t, tc.severity, findings[0].Severity)
			require.Contains(t, findings[0].Text, tc.text)
		})
	}
}

func TestEarliestCertificateCounts(t *testing.T) {
	now := time.Now()
	e := exchange{}
	e.shown(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(time.Hour)}, {NotAfter: now}, {NotAfter: now.Add(time.Minute)}}})
	require.Equal(t, now, e.expires)
}
