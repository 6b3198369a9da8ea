package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// paths are what people and partners ask for, by the promises that are made about it.
var paths = map[string]string{
	"booking":     "/web/dataset/call_kw/calendar.event/create",
	"invoicing":   "/web/dataset/call_button/account.move/action_post",
	"procurement": "/web/dataset/call_button/purchase.order/button_confirm",
	"logins":      "/web/login",
	"partner-api": "/jsonrpc",
}

// serve has Traefik serve each tenant each path each second, as its access log tells: those of the
// ill tenant fail, and those of the slow one take six seconds, while that is how things are.
func (w *plant) serve() {
	t := w.stage.t
	access, err := os.OpenFile(filepath.Join(w.dir, "access.json"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	w.always(time.Second, func(context.Context) {
		for _, p := range w.patients {
			status, took := 200, 40*time.Millisecond
			switch {
			case p.name == "ill" && w.failing.Load():
				status = 502
			case p.name == "slow" && w.dragging.Load():
				took = 6 * time.Second
			}
			for _, path := range paths {
				_, err := fmt.Fprintf(access, `{"DownstreamStatus":%[1]d,"Duration":%[2]d,"OriginDuration":%[2]d,"OriginStatus":%[1]d,"Overhead":0,"RequestHost":"%[3]s.example.test",`+
					`"RequestMethod":"POST","RequestPath":%[4]q,"RouterName":"%[3]s@file","ServiceName":"%[3]s@file","StartUTC":%[5]q,"time":%[5]q}`+"\n",
					status, took.Nanoseconds(), w.tenant(p.name), path, time.Now().UTC().Format(time.RFC3339Nano))
				if err != nil {
					t.Errorf("serve: %v", err)
				}
			}
		}
	}, func(context.Context) { require.NoError(t, access.Close()) })
}

// authority issues the certificates that are served at the edge.
type authority struct {
	own    *x509.Certificate
	key    *ecdsa.PrivateKey
	served sync.Map // host -> *tls.Certificate
}

// found makes an authority, and writes its own certificate into a file for those who trust it.
func found(t testing.TB, file string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Plant Root"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	own, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &authority{own: own, key: key}
}

// certify replaces the certificate of a tenant's host by one of ninety days, of which some are left.
func (w *plant) certify(name string, left time.Duration) {
	t, a, host := w.stage.t, w.authority, w.tenant(name)+".example.test"
	end := time.Now().Add(left)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(end.UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: end.Add(-91 * 24 * time.Hour), NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.own, a.key.Public(), a.key)
	require.NoError(t, err)
	a.served.Store(host, &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key})
}

// serve hands out the certificate of the host that is asked for.
func (a *authority) serve(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate, known := a.served.Load(hello.ServerName)
	if !known {
		return nil, errors.New("no such host")
	}
	return certificate.(*tls.Certificate), nil
}
