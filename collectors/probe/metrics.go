package probe

import "github.com/wardround/wardround/collectors"

// What a probe says as a whole.
var (
	metricSuccess = &collectors.Metric{
		Name: "probe_success", Labels: []string{"probe"},
		Help: "Whether every step of the last run was answered as expected", Source: "the transaction",
	}
	metricDuration = &collectors.Metric{
		Name: "probe_duration_seconds", Unit: "seconds", Labels: []string{"probe"},
		Help: "How long the last run took, all steps together", Source: "the transaction",
	}
	metricRuns = &collectors.Metric{
		Name: "probe_runs_total", Type: collectors.Counter, Labels: []string{"probe", "outcome"},
		Help: "Runs by how they ended", Source: "the transaction",
	}
	metricInterval = &collectors.Metric{
		Name: "probe_interval_seconds", Unit: "seconds", Labels: []string{"probe"},
		Help: "How often the probe is made for the tenant; longer than asked for where there is no room for all", Source: "the plan",
	}
)

// What it says of the steps that were reached.
var (
	metricStep = &collectors.Metric{
		Name: "probe_step_success", Labels: []string{"probe", "step"},
		Help: "Whether the step was answered as expected; absent where it was not reached", Source: "the answer",
	}
	metricPhase = &collectors.Metric{
		Name: "probe_http_duration_seconds", Unit: "seconds", Labels: []string{"probe", "step", "phase"},
		Help: "Duration of the step's request by phase, summed over all redirects", Source: "the connection",
	}
	metricStatus = &collectors.Metric{
		Name: "probe_http_status_code", Labels: []string{"probe", "step"},
		Help: "Status of the step's answer; absent where there was none", Source: "the answer",
	}
	metricRedirects = &collectors.Metric{
		Name: "probe_http_redirects", Labels: []string{"probe", "step"},
		Help: "Redirects that were followed", Source: "the answer",
	}
	metricLength = &collectors.Metric{
		Name: "probe_http_uncompressed_body_length", Labels: []string{"probe", "step"},
		Help: "Bytes of the step's answer, as far as it was read", Source: "the answer",
	}
	metricTLS = &collectors.Metric{
		Name: "probe_http_ssl", Labels: []string{"probe", "step"},
		Help: "Whether the connection was encrypted", Source: "the connection",
	}
	metricVersion = &collectors.Metric{
		Name: "probe_http_version", Labels: []string{"probe", "step"},
		Help: "Version of HTTP in which the answer came", Source: "the answer",
	}
	metricRegex = &collectors.Metric{
		Name: "probe_failed_due_to_regex", Labels: []string{"probe", "step"},
		Help: "Whether the step failed because of what its answer said", Source: "the answer",
	}
	metricCertificate = &collectors.Metric{
		Name: "probe_ssl_earliest_cert_expiry", Labels: []string{"probe", "step"},
		Help: "When the first of the certificates that were shown ends, in seconds since 1970", Source: "the connection",
	}
)

// Metrics is the catalogue of all that this package can emit.
func Metrics() collectors.Catalogue {
	return collectors.Catalogue{
		metricSuccess, metricDuration, metricRuns, metricInterval,
		metricStep, metricPhase, metricStatus, metricRedirects, metricLength, metricTLS, metricVersion, metricRegex, metricCertificate,
	}
}

// Outcome is how a run ended: with all steps as expected, or at the first that was not, and why.
type Outcome string

// The outcomes.
const (
	OutcomeOK          Outcome = "ok"          // every step as expected
	OutcomeStatus      Outcome = "status"      // another status
	OutcomeBody        Outcome = "body"        // the answer does not say what it should, or says what it should not
	OutcomeValue       Outcome = "value"       // a value that the next step needs was not there
	OutcomeSlow        Outcome = "latency"     // right, but later than it may
	OutcomeLarge       Outcome = "too_large"   // longer than is read
	OutcomeRedirect    Outcome = "redirect"    // sent to another host, or too often
	OutcomeTimeout     Outcome = "timeout"     // not within the time allowed
	OutcomeName        Outcome = "name"        // the host's name leads nowhere
	OutcomeCertificate Outcome = "certificate" // not one that can be trusted
	OutcomeUnreachable Outcome = "unreachable" // no connection, or none that speaks HTTP
)

var outcomes = []Outcome{
	OutcomeOK, OutcomeStatus, OutcomeBody, OutcomeValue, OutcomeSlow, OutcomeLarge, OutcomeRedirect, OutcomeTimeout,
	OutcomeName, OutcomeCertificate, OutcomeUnreachable,
}

// words are the outcomes in a sentence about a step.
var words = map[Outcome]string{
	OutcomeStatus: "another status than expected", OutcomeBody: "the answer is not the one expected",
	OutcomeValue: "a value for the next step was not in the answer", OutcomeSlow: "right, but slower than it may be",
	OutcomeLarge: "the answer is too large", OutcomeRedirect: "a redirect to another place", OutcomeTimeout: "no answer in time",
	OutcomeName: "the host's name leads nowhere", OutcomeCertificate: "the certificate cannot be trusted",
	OutcomeUnreachable: "no connection that speaks HTTP",
}
