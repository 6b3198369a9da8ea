package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// identity makes an authority's certificate and, signed by it, one for 127.0.0.1 that both a
// server and a client may show.
func identity(t *testing.T) (authority, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	save := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return key
	}
	root, own := newKey(), newKey()
	parent := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	child := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "redis"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parentDER, err := x509.CreateCertificate(rand.Reader, parent, parent, &root.PublicKey, root)
	require.NoError(t, err)
	childDER, err := x509.CreateCertificate(rand.Reader, child, parent, &own.PublicKey, root)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(own)
	require.NoError(t, err)
	return save("ca.pem", "CERTIFICATE", parentDER), save("cert.pem", "CERTIFICATE", childDER), save("key.pem", "EC PRIVATE KEY", keyDER)
}

// TestTLSWithClientCertificateAndUser is a server that wants both, as an ACL user with few rights.
func TestTLSWithClientCertificateAndUser(t *testing.T) {
	authority, cert, key := identity(t)
	r := platform.RedisForTest(t, platform.RedisOptions{
		TLS: &platform.RedisTLS{CertFile: cert, KeyFile: key, ClientCAFile: authority}, Settings: map[string]string{"requirepass": password},
	})
	do(t, r, "ACL", "SETUSER", "watcher", "on", ">CANARY-watcher", "-@all", "+info", "+config|get")
	c := Config{Address: r.TLSAddr(), Username: "watcher", Password: "CANARY-watcher"}
	c.TLS = &config.TLSConfig{CAFile: authority, CertFile: cert, KeyFile: key}
	text := shown(collect(t, server(t, c)))
	require.Contains(t, text, "redis_up 1\n")
	require.NotContains(t, text, "CANARY")

	c.TLS = &config.TLSConfig{CAFile: authority}
	bare := server(t, c)
	require.Error(t, bare.Collect(t.Context(), builder(bare)), "without a certificate of its own")
	c.TLS = &config.TLSConfig{CertFile: cert, KeyFile: key}
	stranger := server(t, c)
	require.ErrorContains(t, stranger.Collect(t.Context(), builder(stranger)), "certificate signed by unknown authority")
}
