package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/testdata/platform"
)

// certificateForTest makes a self-signed certificate for loopback and its key, as PEM.
func certificateForTest(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// serverWithTLS is a cluster that speaks TLS, and its certificate's file.
func serverWithTLS(t *testing.T) (*platform.Postgres, string) {
	t.Helper()
	server := platform.PostgresForTest(t, platform.PostgresOptions{})
	certificate, key := certificateForTest(t)
	for name, text := range map[string]string{"server.crt": certificate, "server.key": key} {
		require.NoError(t, server.Exec(t.Context(), "", fmt.Sprintf(
			"COPY (SELECT unnest(string_to_array('%s', E'\\n'))) TO PROGRAM 'umask 077; cat > %s'", text, name)))
	}
	require.NoError(t, server.Exec(t.Context(), "", "ALTER SYSTEM SET ssl = on"))
	require.NoError(t, server.Exec(t.Context(), "", "SELECT pg_reload_conf()"))
	file := filepath.Join(t.TempDir(), "root.crt")
	require.NoError(t, os.WriteFile(file, []byte(certificate), 0o600))
	return server, file
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, root := serverWithTLS(t)
	role := roleForTest(t, server, "IN ROLE pg_monitor")
	for name, test := range map[string]struct {
		mode      string
		encrypted bool
		fails     collectors.Reason
	}{
		"prefer":           {mode: "prefer", encrypted: true},
		"allow":            {mode: "allow"},
		"require":          {mode: "require", encrypted: true},
		"known issuer":     {mode: "verify-full&sslrootcert=" + root, encrypted: true},
		"unknown issuer":   {mode: "verify-full", fails: collectors.ReasonAuth},
		"without, disable": {mode: "disable"},
	} {
		t.Run(name, func(t *testing.T) {
			config := configFor(server, role)
			config.DSN = promconfig.Secret(strings.Replace(string(config.DSN), "sslmode=disable", "sslmode="+test.mode, 1))
			c := clusterForTest(t, config, Options{})
			if test.fails != "" {
				err := c.Collect(t.Context(), collectors.NewBuilder(collectors.Key{}, t0))
				require.Equal(t, test.fails, collectors.ReasonOf(err), "%v", err)
				return
			}
			require.Eventually(t, func() bool { // until the server has read its settings anew
				c.hangUp()
				c.dialer.settled.Store(nil)
				collect(t, c)
				return (c.dialer.settled.Load().config != nil) == test.encrypted
			}, soon, tick)
			answers, err := c.session.ask(t.Context(), []question{{text: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"}})
			require.NoError(t, err)
			require.Equal(t, test.encrypted, answers[0].table.first().truth("ssl"))
			require.NoError(t, c.Visit(t.Context(), "postgres", exec("SELECT 1")))
		})
	}
}
