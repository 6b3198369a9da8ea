package traefik

import (
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/traefik/accesslog"
)

const (
	fromPage = "Traefik's metrics"
	fromAPI  = "Traefik's API, /http/routers"
)

// What is counted by tenant. Series without a tenant are those of routers of no or several tenants.
var (
	metricRequests = &collectors.Metric{
		Name: "traefik_requests_total", Type: collectors.Counter, Labels: []string{"class", "method", "protocol"},
		Help: "Requests that the tenant's routers took, by the first digit of the status; of a websocket when it ends, with the class other", Source: fromPage,
	}
	metricErrors = &collectors.Metric{
		Name: "traefik_errors_total", Type: collectors.Counter, Labels: []string{"code", "protocol"},
		Help: "Requests that were answered with a status of 400 or above", Source: fromPage,
	}
	metricDuration = &collectors.Metric{
		Name: "traefik_request_duration_seconds", Type: collectors.Histogram, Unit: "seconds",
		Help: "How long the requests took that were answered with a status below 400, without websockets; those that failed (500 and above) stand above every bucket, without their time in the sum", Source: fromPage,
	}
	metricRequestBytes = &collectors.Metric{
		Name: "traefik_request_bytes_total", Type: collectors.Counter, Unit: "bytes", Help: "Bytes of requests", Source: fromPage,
	}
	metricResponseBytes = &collectors.Metric{
		Name: "traefik_response_bytes_total", Type: collectors.Counter, Unit: "bytes", Help: "Bytes of answers", Source: fromPage,
	}
	metricAnswers = &collectors.Metric{
		Name: "traefik_middleware_answers_total", Type: collectors.Counter, Labels: []string{"code"},
		Help: "Requests that were answered before they reached the service: 429 by limits of rate and of requests at once, 401 and 403 by authentication, 503 where no server was there", Source: fromPage + ": routers without services",
	}
	metricErrorShare = &collectors.Metric{
		Name: "traefik_errors_ratio", Unit: "ratio",
		Help: "Share of the last quarter of an hour's requests that failed (500 and above), without websockets", Source: fromPage,
	}
)

// What Traefik says of itself, under its names.
var (
	metricPointRequests = &collectors.Metric{
		Name: "traefik_entrypoint_requests_total", Type: collectors.Counter, Labels: []string{"code", "method", "protocol", "entrypoint"},
		Help: "Requests that came to the entry point", Source: fromPage,
	}
	metricPointTLS = &collectors.Metric{
		Name: "traefik_entrypoint_requests_tls_total", Type: collectors.Counter, Labels: []string{"tls_version", "tls_cipher", "entrypoint"},
		Help: "Requests that came to the entry point in TLS", Source: fromPage,
	}
	metricPointDuration = &collectors.Metric{
		Name: "traefik_entrypoint_request_duration_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"entrypoint"},
		Help: "How long the requests took that were answered with a status below 400, without websockets; those that failed (500 and above) stand above every bucket, without their time in the sum", Source: fromPage,
	}
	metricPointGot = &collectors.Metric{
		Name: "traefik_entrypoint_requests_bytes_total", Type: collectors.Counter, Unit: "bytes", Labels: []string{"entrypoint"},
		Help: "Bytes of requests to the entry point", Source: fromPage,
	}
	metricPointSent = &collectors.Metric{
		Name: "traefik_entrypoint_responses_bytes_total", Type: collectors.Counter, Unit: "bytes", Labels: []string{"entrypoint"},
		Help: "Bytes of answers from the entry point", Source: fromPage,
	}
	metricUnrouted = &collectors.Metric{
		Name: "traefik_unrouted_requests_total", Type: collectors.Counter, Labels: []string{"code"},
		Help: "Requests that came to an entry point and to no router: 404 where there is none for the host, 3xx where the entry point sends elsewhere", Source: fromPage + ": entry points without routers",
	}
	metricRetries = &collectors.Metric{
		Name: "traefik_service_retries_total", Type: collectors.Counter, Labels: []string{"service"},
		Help: "Times that a service was asked once more", Source: fromPage,
	}
	metricServerUp = &collectors.Metric{
		Name: "traefik_service_server_up", Labels: []string{"service", "url"},
		Help: "Whether the server passes its health check; only of services that have one", Source: fromPage,
	}
	metricConnections = &collectors.Metric{
		Name: "traefik_open_connections", Labels: []string{"entrypoint", "protocol"}, Help: "Open connections", Source: fromPage,
	}
	metricReloads = &collectors.Metric{
		Name: "traefik_config_reloads_total", Type: collectors.Counter, Help: "Times that the configuration changed", Source: fromPage,
	}
	metricReloadFailures = &collectors.Metric{
		Name: "traefik_config_reloads_failure_total", Type: collectors.Counter, Help: "Times that a changed configuration could not be taken; version 3 does not say", Source: fromPage,
	}
	metricReloaded = &collectors.Metric{
		Name: "traefik_config_last_reload_success", Help: "When a changed configuration was taken last, in seconds since 1970", Source: fromPage,
	}
	metricReloadFailed = &collectors.Metric{
		Name: "traefik_config_last_reload_failure", Help: "When a changed configuration could not be taken last, in seconds since 1970; version 3 does not say", Source: fromPage,
	}
	metricCertificate = &collectors.Metric{
		Name: "traefik_tls_certs_not_after", Labels: []string{"cn", "serial", "sans"},
		Help: "When the certificate ends, in seconds since 1970; without those that are known not to be served any more", Source: fromPage,
	}
	metricUnserved = &collectors.Metric{
		Name: "traefik_tls_certs_unserved", Help: "Certificates that Traefik goes on to name though its hosts are served with others", Source: fromPage,
	}
	metricStarted = &collectors.Metric{
		Name: "traefik_start_timestamp_seconds", Unit: "seconds", Help: "When the process began", Source: fromPage + ": process_start_time_seconds",
	}
)

// How well it can be seen.
var (
	metricUp = &collectors.Metric{
		Name: "traefik_up", Help: "Whether Traefik's metrics can be read", Source: fromPage,
	}
	metricSeries = &collectors.Metric{
		Name: "traefik_page_series", Help: "Series on the page of metrics that were read", Source: fromPage,
	}
	metricAPIUp = &collectors.Metric{
		Name: "traefik_api_up", Help: "Whether Traefik's API listed its routers when it was last asked", Source: fromAPI,
	}
	metricVersion = &collectors.Metric{
		Name: "traefik_version_info", Labels: []string{"version"}, Help: "Version of Traefik", Source: "Traefik's API, /version",
	}
	metricRouters = &collectors.Metric{
		Name: "traefik_routers", Labels: []string{"owner"},
		Help: "HTTP routers by whose they are: one tenant's, several tenants' (shared), nobody's that is known (none), or Traefik's own (internal)", Source: fromAPI,
	}
	metricRouterStatus = &collectors.Metric{
		Name: "traefik_routers_status", Labels: []string{"status"}, Help: "HTTP routers by what Traefik made of them: enabled, warning, disabled", Source: fromAPI,
	}
)

// Metrics is the catalogue of everything that this package emits, the access log's included.
func Metrics() collectors.Catalogue {
	return collectors.Merge(collectors.Catalogue{
		metricRequests, metricErrors, metricDuration, metricRequestBytes, metricResponseBytes, metricAnswers, metricErrorShare,
		metricPointRequests, metricPointTLS, metricPointDuration, metricPointGot, metricPointSent, metricUnrouted,
		metricRetries, metricServerUp, metricConnections, metricReloads, metricReloadFailures, metricReloaded, metricReloadFailed,
		metricCertificate, metricUnserved, metricStarted,
		metricUp, metricSeries, metricAPIUp, metricVersion, metricRouters, metricRouterStatus,
	}, accesslog.Metrics())
}
