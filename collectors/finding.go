package collectors

// Question is one of the five that infrastructure leaders ask. Every finding answers one.
type Question string

// The five questions.
const (
	Healthy     Question = "healthy"     // is the platform healthy?
	Protected   Question = "protected"   // is data protected?
	Controlled  Question = "controlled"  // are changes controlled?
	Contained   Question = "contained"   // are risks contained?
	Recoverable Question = "recoverable" // can we recover in time?
)

// Severity says how much a finding matters.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical" // work has stopped or will soon
	Warning  Severity = "warning"  // degraded, or will be
	Info     Severity = "info"     // worth knowing
)

// Finding is something that a visit found wrong, for people: the status page and the API show it,
// and /metrics carries it as wardround_finding without its text.
type Finding struct {
	Tenant   string   // "" where it concerns the target as a whole
	Name     string   // stable and lower case, such as cron_overdue: what alerts and links refer to
	Question Question //
	Severity Severity //
	Text     string   // one sentence made of technical names, counts and ages only; Builder.Find sees to its full stop
}

func (b *Builder) renderFindings() {
	for _, f := range b.findings {
		b.SetFor(f.Tenant, metricFinding, 1, b.key.Collector, f.Name, string(f.Question), string(f.Severity))
	}
}
