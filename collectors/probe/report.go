package probe

import (
	"fmt"
	"time"

	"github.com/wardround/wardround/collectors"
)

// report writes what one step said.
func (r *Run) report(b *collectors.Builder, s reached) {
	labels := []string{r.probe.Name, s.Name}
	b.Set(metricStep, truth(s.outcome == OutcomeOK), labels...)
	b.Set(metricRegex, truth(s.outcome == OutcomeBody), labels...)
	for _, phase := range phases {
		b.Set(metricPhase, s.phases[phase].Seconds(), r.probe.Name, s.Name, phase)
	}
	b.Set(metricTLS, truth(s.encrypted), labels...)
	if !s.expires.IsZero() {
		b.Set(metricCertificate, float64(s.expires.Unix()), labels...)
	}
	if s.status != 0 {
		b.Set(metricStatus, float64(s.status), labels...)
		b.Set(metricVersion, s.version, labels...)
		b.Set(metricRedirects, float64(s.redirects), labels...)
		b.Set(metricLength, float64(len(s.body)), labels...)
	}
	b.Notef("step %s: %s", s.Name, s.exchange)
}

// String is how an exchange ended, in technical words alone.
func (e exchange) String() string {
	if e.status == 0 {
		return string(e.outcome)
	}
	return fmt.Sprintf("%s, status %d after %s", e.outcome, e.status, e.took.Round(time.Millisecond))
}

func (r *Run) find(b *collectors.Builder, last reached) {
	if last.outcome == OutcomeOK {
		return
	}
	text := fmt.Sprintf("The probe %s fails at its step %s: %s", r.probe.Name, last.Name, words[last.outcome])
	if last.status != 0 {
		text += fmt.Sprintf(" (status %d)", last.status)
	}
	b.Find(collectors.Finding{
		Name: "probe_failing", Question: collectors.Healthy, Severity: r.probe.severity(),
		Text: fmt.Sprintf("%s, for %s.", text, span(b.At().Sub(r.tally.failing))),
	})
}

// findCertificate tells of the certificate that ends first.
func (r *Run) findCertificate(b *collectors.Builder, steps []reached) {
	var first time.Time
	for _, s := range steps {
		if !s.expires.IsZero() && (first.IsZero() || s.expires.Before(first)) {
			first = s.expires
		}
	}
	left := first.Sub(b.At())
	if first.IsZero() || left > r.probe.certificate() {
		return
	}
	f := collectors.Finding{
		Name: "probe_certificate_ending", Question: collectors.Contained, Severity: collectors.Warning,
		Text: fmt.Sprintf("The certificate that the probe %s is shown ends in %s.", r.probe.Name, span(left)),
	}
	switch {
	case left <= 0:
		f.Severity = collectors.Critical
		f.Text = fmt.Sprintf("The certificate that the probe %s is shown ended %s ago.", r.probe.Name, span(-left))
	case left < 3*24*time.Hour:
		f.Severity = collectors.Critical
	}
	b.Find(f)
}

// span is a length of time in the two units that matter.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < day:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d/day), int(d%day/time.Hour))
}
