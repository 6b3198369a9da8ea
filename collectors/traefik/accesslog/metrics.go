package accesslog

import "github.com/wardround/wardround/collectors"

const source = "Traefik's access log"

var (
	metricRequests = &collectors.Metric{
		Name: "traefik_log_requests_total", Type: collectors.Counter, Labels: []string{"workflow", "outcome", "verdict"},
		Help: "Requests by workflow and outcome; the verdict says whether the tenant was served (good), was not (bad), or neither (none)", Source: source,
	}
	metricDuration = &collectors.Metric{
		Name: "traefik_log_request_duration_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"workflow"},
		Help: "How long the requests took by which a tenant was served; those by which it was not stand above every bound, without their time in the sum", Source: source,
	}
	metricBackend = &collectors.Metric{
		Name: "traefik_log_backend_seconds_total", Type: collectors.Counter, Unit: "seconds", Labels: []string{"workflow"},
		Help: "Seconds that Traefik waited for the service behind it", Source: source,
	}
	metricOverhead = &collectors.Metric{
		Name: "traefik_log_overhead_seconds_total", Type: collectors.Counter, Unit: "seconds", Labels: []string{"workflow"},
		Help: "Seconds of requests that were not spent waiting for the service: Traefik's own, and the client's", Source: source,
	}
	metricRetries = &collectors.Metric{
		Name: "traefik_log_retries_total", Type: collectors.Counter,
		Help: "Times that Traefik asked the service once more", Source: source,
	}
	metricSockets = &collectors.Metric{
		Name: "traefik_log_sockets_total", Type: collectors.Counter, Labels: []string{"outcome"},
		Help: "Websockets and long polls that came to their end; they are no requests", Source: source,
	}
	metricRoutes = &collectors.Metric{
		Name: "traefik_log_route_requests_total", Type: collectors.Counter, Labels: []string{"router", "service"},
		Help: "Requests and connections by the router that took them and the service that they were sent to", Source: source,
	}
	metricUsual = &collectors.Metric{
		Name: "traefik_log_requests_to_usual_ratio", Unit: "ratio",
		Help: "Requests of the last quarter of an hour to what is usual in this hour of the week", Source: source,
	}
	metricLines = &collectors.Metric{
		Name: "traefik_log_lines_total", Type: collectors.Counter, Labels: []string{"kind"},
		Help: "Lines read: requests, and by reason those that were left out", Source: source,
	}
	metricLast = &collectors.Metric{
		Name: "traefik_log_last_line_timestamp_seconds", Unit: "seconds",
		Help: "When the request was answered that the newest line tells of", Source: source,
	}
	metricBehind = &collectors.Metric{
		Name: "traefik_log_behind_bytes", Unit: "bytes",
		Help: "Bytes of the log that are not read yet, in all of its files", Source: source,
	}
	metricGaps = &collectors.Metric{
		Name: "traefik_log_gaps_total", Type: collectors.Counter,
		Help: "Times that reading could not go on where it had stopped, so that lines may be missing", Source: source,
	}
)

// Metrics is the catalogue of everything that this package emits.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricRequests, metricDuration, metricBackend, metricOverhead, metricRetries, metricSockets, metricRoutes,
		metricUsual, metricLines, metricLast, metricBehind, metricGaps,
	}
}
