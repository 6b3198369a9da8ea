package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// authority is somebody who issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	above       *authority // nil for a root
}

// order is what a certificate is to be like; the zero value is in order for the test's host.
type order struct {
	names    []string
	from, to time.Duration // from now
	alone    bool          // vouches for itself
	usage    []x509.ExtKeyUsage
}

func key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return k
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	return n
}

// found makes an authority below another, or a root.
func found(t testing.TB, name pkix.Name, above *authority, from, to time.Duration) *authority {
	t.Helper()
	a := &authority{key: key(t), above: above}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: name, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
	}
	by, with := template, a.key
	if above != nil {
		by, with = above.certificate, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, a.key.Public(), with)
	require.NoError(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

func root(t testing.TB) *authority {
	return found(t, pkix.Name{CommonName: "Ward Root"}, nil, -time.Hour, 1000*day)
}

func below(t testing.TB, a *authority) *authority {
	return found(t, pkix.Name{CommonName: "Ward CA 1", Organization: []string{"Ward"}}, a, -time.Hour, 500*day)
}

// issue makes a certificate; the chain has those between it and the root.
func (a *authority) issue(t testing.TB, o order) tls.Certificate {
	t.Helper()
	if o.names == nil {
		o.names = []string{north}
	}
	if o.to == 0 {
		o.to = 90 * day
	}
	if o.from == 0 {
		o.from = -time.Hour
	}
	if o.usage == nil {
		o.usage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	k := key(t)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "CANARY subject"}, DNSNames: o.names, EmailAddresses: []string{"CANARY@example.test"},
		NotBefore: time.Now().Add(o.from), NotAfter: time.Now().Add(o.to), ExtKeyUsage: o.usage,
	}
	by, with := a.certificate, a.key
	if o.alone {
		by, with = template, k
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, k.Public(), with)
	require.NoError(t, err)
	c := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
	for up := a; up.above != nil && !o.alone; up = up.above {
		c.Certificate = append(c.Certificate, up.certificate.Raw)
	}
	return c
}

// file writes the authority's own certificate, to be trusted.
func (a *authority) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}), 0o600))
	return path
}
