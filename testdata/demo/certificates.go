package main

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"
)

// authorityFile is where the certificate of the demo's own authority is, which whoever checks
// those of the tenants must trust.
const authorityFile = "authority.pem"

// certificates makes an authority, writes its certificate to a file, and makes one for each
// tenant's host name. One key is enough for them all.
func certificates(path string) (map[string]*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	const days = 24 * time.Hour
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of the demo"},
		NotBefore: time.Now().Add(-81 * days), NotAfter: time.Now().Add(365 * days),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	own, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own}), 0o644); err != nil {
		return nil, fmt.Errorf("write the authority's certificate: %w", err)
	}
	all := map[string]*tls.Certificate{}
	for i, p := range ward() {
		ends := time.Now().Add(cmp.Or(p.ends, 85*days))
		made, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: p.address()}, DNSNames: []string{p.address()},
			NotBefore: ends.Add(-90 * days), NotAfter: ends,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, authority, key.Public(), key)
		if err != nil {
			return nil, fmt.Errorf("make the certificate of %s: %w", p.address(), err)
		}
		all[p.address()] = &tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
	}
	return all, nil
}
