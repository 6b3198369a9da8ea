package alert

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// The password of the server, and what the server keeps of it.
const (
	secret = "korrekt-pferd-batterie"
	hashed = "$2a$04$eUNYqChqdDwKwQAN1niQT.c/1RKibx7oIxht1o/iTmyj7iSVTa0aO"
)

// guarded is a real Alertmanager behind TLS and a password, and the file of its certificate.
func guarded(t *testing.T) (server, ca string) {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alertmanager"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	ca = filepath.Join(dir, "cert.pem")
	for name, content := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yml":  fmt.Appendf(nil, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {wardround: '%s'}\n", hashed),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	config := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(config, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600))
	port, err := platform.FreePort(t.Context())
	require.NoError(t, err)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	program, err := platform.StartProgram(t.Context(), platform.Program{
		Place: platform.Place{Port: port}, Name: "alertmanager", Path: "/usr/bin/prometheus-alertmanager",
		Args: []string{
			"--config.file=" + config, "--storage.path=" + filepath.Join(dir, "storage"), "--cluster.listen-address=",
			"--web.listen-address=" + address, "--web.config.file=" + filepath.Join(dir, "web.yml"),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, program.Remove()) })
	return "https://" + address, ca
}

// TestGuardedAlertmanager tells a real Alertmanager that wants TLS and a password, and shows that the password is
// nowhere to be read, whatever goes wrong.
func TestGuardedAlertmanager(t *testing.T) {
	url, ca := guarded(t)
	login := func(password promconfig.Secret, ca string) promconfig.HTTPClientConfig {
		return promconfig.HTTPClientConfig{
			BasicAuth: &promconfig.BasicAuth{Username: "wardround", Password: password}, TLSConfig: promconfig.TLSConfig{CAFile: ca},
		}
	}
	for name, tt := range map[string]struct {
		http    promconfig.HTTPClientConfig
		outcome string
	}{
		"all is right":           {login(secret, ca), outcomeSent},
		"another password":       {login(secret+"!", ca), outcomeRejected},
		"no password":            {promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: ca}}, outcomeRejected},
		"an unknown certificate": {login(secret, ""), outcomeUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			log, metrics := new(buffer), NewMetrics()
			options := NotifierOptions{
				Alertmanagers: []Alertmanager{{URL: url, HTTP: tt.http}}, Silences: true,
				Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: metrics,
			}
			n, err := NewNotifier(options)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { n.Run(ctx); close(ended) }()
			n.Publish(Snapshot{EvaluatedAt: time.Now(), Alerts: []Alert{{Labels: burn("north", "page", "1h").Labels, StartsAt: time.Now()}}})
			n.PublishSilences([]Silence{north(0, time.Hour)})
			eventually(t, func() bool {
				return countOf(t, metrics.notifications.WithLabelValues(url, tt.outcome)) > 0
			}, tt.outcome)
			if tt.outcome == outcomeSent {
				c := clientTo(t, options.Alertmanagers[0])
				eventually(t, func() bool {
					all, err := c.silences(t.Context())
					require.NoError(t, err)
					return len(all) == 1
				}, "the silence stands")
			} else {
				eventually(t, func() bool { return strings.Contains(log.String(), "silences do not reach alertmanager") }, "it is logged")
			}
			cancel()
			<-ended
			require.NotContains(t, log.String(), secret)
		})
	}
}

// buffer is one that many may write to and read.
type buffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}
