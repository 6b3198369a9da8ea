package tls

import (
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"time"
)

// Problem is a reason why a browser does not take a certificate.
type Problem string

// The problems.
const (
	ProblemExpired      Problem = "expired"           // it has ended
	ProblemEarly        Problem = "not_yet_valid"     // it has not begun
	ProblemName         Problem = "name_mismatch"     // it is for other names
	ProblemSelfSigned   Problem = "self_signed"       // it vouches for itself
	ProblemIncomplete   Problem = "incomplete_chain"  // it comes alone, and its issuer is no authority that is trusted
	ProblemAuthority    Problem = "unknown_authority" // it leads to an authority that is not trusted
	ProblemChainExpired Problem = "chain_expired"     // a certificate between it and the authority has ended or not begun
	ProblemUsage        Problem = "usage"             // it is not for servers, or its issuer not for issuing
	ProblemOther        Problem = "other"             //
)

var words = map[Problem]string{
	ProblemExpired: "it has ended", ProblemEarly: "it has not begun", ProblemName: "it is for other names",
	ProblemSelfSigned: "it vouches for itself", ProblemIncomplete: "it comes without the certificates between it and an authority",
	ProblemAuthority: "its authority is not trusted", ProblemChainExpired: "one between it and its authority has ended or not begun",
	ProblemUsage: "it, or its issuer, is for another use", ProblemOther: "it is malformed",
}

// judge says what is wrong with the certificates that were served for a host, and until when the
// longest of the chains to an authority holds; zero without one.
func judge(served []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) ([]Problem, time.Time) {
	own := served[0]
	var problems []Problem
	at := now // at which the chain is judged: that the certificate itself has ended is said already
	switch {
	case now.After(own.NotAfter):
		problems, at = append(problems, ProblemExpired), own.NotAfter
	case now.Before(own.NotBefore):
		problems, at = append(problems, ProblemEarly), own.NotBefore
	}
	if own.VerifyHostname(host) != nil {
		problems = append(problems, ProblemName)
	}
	between := x509.NewCertPool()
	for _, c := range served[1:] {
		between.AddCert(c)
	}
	chains, err := own.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
	if err == nil {
		return problems, holds(chains)
	}
	if why := untrusted(err, served); why != ProblemChainExpired || at.Equal(now) {
		problems = append(problems, why)
	}
	return problems, time.Time{}
}

func untrusted(err error, served []*x509.Certificate) Problem {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown) && selfSigned(served[0]):
		return ProblemSelfSigned
	case errors.As(err, &unknown) && len(served) == 1:
		return ProblemIncomplete
	case errors.As(err, &unknown):
		return ProblemAuthority
	case !errors.As(err, &invalid):
		return ProblemOther
	case invalid.Reason == x509.Expired:
		return ProblemChainExpired
	case slices.Contains([]x509.InvalidReason{x509.IncompatibleUsage, x509.NotAuthorizedToSign, x509.TooManyIntermediates, x509.CANotAuthorizedForThisName, x509.CANotAuthorizedForExtKeyUsage}, invalid.Reason):
		return ProblemUsage
	}
	return ProblemOther
}

func selfSigned(c *x509.Certificate) bool {
	return slices.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// holds is when the last of the chains ends.
func holds(chains [][]*x509.Certificate) time.Time {
	var last time.Time
	for _, chain := range chains {
		if end := earliest(chain); end.After(last) {
			last = end
		}
	}
	return last
}

// earliest is when the first of the certificates ends.
func earliest(certificates []*x509.Certificate) time.Time {
	return slices.MinFunc(certificates, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
