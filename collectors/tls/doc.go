// Package tls looks at the certificates that tenants' host names are served with, as a browser does:
// it asks for each name by SNI, whatever stands in front, and says what is served, until when, by
// whom it was issued, and whether a browser takes it, or why not.
//
//	Config -> New -> Target: the tenants' hosts and some more, each with a time when it is due
//	Target.Collect: hosts that are due -> handshake -> judge -> kept until they are due again
//	                all that is kept -> samples by host, findings
//
// A look is one handshake and nothing else: no request is sent, no issuer or responder is asked. A
// host is looked at every Interval, sooner after a look that went wrong and when its certificate
// ends. A host that is not well is no failed visit: it is what the visit found. What is kept are
// moments, not ages, so that it stays right in between.
//
// The protocol may be as old as TLS 1.0, and the certificate as bad as there are: what is served
// shall be seen and told, and nothing is entrusted to the connection. Of the certificate's subject
// nothing is shown.
package tls
