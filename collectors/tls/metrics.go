package tls

import "github.com/wardround/wardround/collectors"

var (
	metricLooked = gauge("tls_last_look_timestamp_seconds", "seconds", "the clock",
		"When the host was last looked at")
	metricHandshake = gauge("tls_handshake_success", "", "the handshake",
		"Whether the host answered in TLS")
	metricFailure = gauge("tls_handshake_failure", "", "the handshake",
		"Why the host did not answer in TLS; absent where it did", "reason")
	metricDuration = gauge("tls_handshake_duration_seconds", "seconds", "the handshake",
		"How long the handshake took, without the connection before it; absent where it failed")
	metricVersion = gauge("probe_tls_version_info", "", "the handshake",
		"Version of TLS that the host chose", "version")
	metricCipher = gauge("probe_tls_cipher_info", "", "the handshake",
		"Cipher that the host chose", "cipher")
	metricStapled = gauge("tls_ocsp_stapled", "", "the handshake",
		"Whether the host sent along what its issuer's responder says of the certificate")

	metricValid = gauge("tls_certificate_valid", "", "the certificates served",
		"Whether a browser takes the certificate for this host")
	metricInvalid = gauge("tls_certificate_invalid", "", "the certificates served",
		"Why a browser does not take the certificate, one series for each reason; absent where it does", "reason")
	metricOK = gauge("tls_certificate_ok", "", "the certificates served",
		"Whether a browser takes the certificate, and will for long enough that it can be renewed in peace")
	metricInfo = gauge("tls_certificate_info", "", "the certificates served",
		"Serial number of the certificate, and who issued it", "serial", "issuer")
	metricNotAfter = gauge("tls_certificate_not_after_timestamp_seconds", "seconds", "the certificates served",
		"When the host's own certificate ends")
	metricNotBefore = gauge("tls_certificate_not_before_timestamp_seconds", "seconds", "the certificates served",
		"When the host's own certificate begins")
	metricServed = gauge("tls_chain_certificates", "", "the certificates served",
		"Certificates that the host sends, its own included")
	metricEarliest = gauge("tls_chain_earliest_not_after_timestamp_seconds", "seconds", "the certificates served",
		"When the first of the certificates that the host sends ends")
	metricChain = gauge("probe_ssl_last_chain_expiry_timestamp_seconds", "seconds", "the certificates served",
		"Until when a browser can take the certificate: of all chains to an authority the one that holds longest; absent without one")

	metricHosts  = &collectors.Metric{Name: "tls_hosts", Help: "Hosts that are looked at", Source: "the tenants"}
	metricUnseen = &collectors.Metric{Name: "tls_hosts_unseen", Help: "Hosts that wait for their first look", Source: "the tenants"}
)

// Metrics is the catalogue of all that this package can emit.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricLooked, metricHandshake, metricFailure, metricDuration, metricVersion, metricCipher, metricStapled,
		metricValid, metricInvalid, metricOK, metricInfo, metricNotAfter, metricNotBefore, metricServed, metricEarliest, metricChain,
		metricHosts, metricUnseen,
	}
}

func gauge(name, unit, source, help string, labels ...string) *collectors.Metric {
	return &collectors.Metric{Name: name, Unit: unit, Labels: append([]string{"host"}, labels...), Help: help, Source: source}
}
