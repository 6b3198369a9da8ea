package odoolog

import "github.com/wardround/wardround/collectors"

const source = "Odoo's log file"

var (
	metricRequests = &collectors.Metric{
		Name: "odoo_log_requests_total", Type: collectors.Counter, Labels: []string{"class"},
		Help: "Requests that Odoo answered, by class of status; those of no tenant, such as static files, have none", Source: source,
	}
	metricDuration = &collectors.Metric{
		Name: "odoo_log_request_duration_seconds", Type: collectors.Histogram, Unit: "seconds",
		Help: "How long Odoo worked on requests; websockets and long polls are left out", Source: source,
	}
	metricSQL = &collectors.Metric{
		Name: "odoo_log_request_sql_seconds_total", Type: collectors.Counter, Unit: "seconds",
		Help: "Seconds that requests spent in SQL", Source: source,
	}
	metricPython = &collectors.Metric{
		Name: "odoo_log_request_python_seconds_total", Type: collectors.Counter, Unit: "seconds",
		Help: "Seconds that requests spent outside of SQL", Source: source,
	}
	metricQueries = &collectors.Metric{
		Name: "odoo_log_request_queries_total", Type: collectors.Counter,
		Help: "SQL statements of requests", Source: source,
	}
	metricErrors = &collectors.Metric{
		Name: "odoo_log_errors_total", Type: collectors.Counter, Labels: []string{"logger"},
		Help: "Lines of level ERROR or CRITICAL by logger", Source: source,
	}
	metricHidden = &collectors.Metric{
		Name: "odoo_log_hidden_errors_total", Type: collectors.Counter,
		Help: "Application errors in requests that were answered with a status below 400, so that nothing in front of Odoo sees them", Source: source,
	}
	metricRefused = &collectors.Metric{
		Name: "odoo_log_user_errors_total", Type: collectors.Counter,
		Help: "Requests refused with a message to the user", Source: source,
	}
	metricEvents = &collectors.Metric{
		Name: "odoo_log_events_total", Type: collectors.Counter, Labels: []string{"event"},
		Help: "Things that Odoo says in constant words: failed scheduled tasks, killed workers, skipped databases and the like", Source: source,
	}
	metricCrons = &collectors.Metric{
		Name: "odoo_log_cron_failures_total", Type: collectors.Counter, Labels: []string{"cron_id"},
		Help: "Failures of scheduled tasks by their number; before series 18 the log alone tells them", Source: source,
	}
	metricRunnerReady = &collectors.Metric{
		Name: "odoo_log_job_runner_ready_timestamp_seconds", Unit: "seconds",
		Help: "When the job runner last said that it is ready for the tenant's database", Source: source,
	}
	metricLines = &collectors.Metric{
		Name: "odoo_log_lines_total", Type: collectors.Counter, Labels: []string{"kind"},
		Help: "Lines read: those that begin with a date, and others such as tracebacks", Source: source,
	}
	metricLast = &collectors.Metric{
		Name: "odoo_log_last_line_timestamp_seconds", Unit: "seconds",
		Help: "The date of the newest line", Source: source,
	}
	metricBehind = &collectors.Metric{
		Name: "odoo_log_behind_bytes", Unit: "bytes",
		Help: "Bytes of the log that are not read yet", Source: source,
	}
	metricLost = &collectors.Metric{
		Name: "odoo_log_gaps_total", Type: collectors.Counter,
		Help: "Times that reading could not go on where it had stopped, so that lines may be missing", Source: source,
	}
)

// Metrics is the catalogue of everything that this package emits.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricRequests, metricDuration, metricSQL, metricPython, metricQueries, metricErrors, metricHidden, metricRefused,
		metricEvents, metricCrons, metricRunnerReady, metricLines, metricLast, metricBehind, metricLost,
	}
}
