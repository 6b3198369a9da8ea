package changes

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Suspect says in plain words what changed last before a moment for whom the labels name: a tenant,
// or a target or cluster, or else the platform. "" is nothing within the configured time. It is
// cheap enough to be asked for every alert at every evaluation, and says the same for the same
// moment until the change itself is told more of.
func (s *Changes) Suspect(labels map[string]string, since time.Time) string {
	who := concerns(s.tenants.Current(), labels["tenant"], cmp.Or(labels["target"], labels["cluster"]))
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.journal.changes.before(who, since, time.Duration(s.setup.Load().SuspectWithin))
	if len(found) == 0 {
		return ""
	}
	for _, c := range found {
		if c.System != ourselves { // watching changes nothing; it is blamed last
			return c.words(since)
		}
	}
	return found[0].words(since)
}

// words are such as "release 18.0.3.2 by argo-cd 4m before (succeeded)".
func (c *Change) words(moment time.Time) string {
	words := []string{c.Kind}
	switch {
	case c.Subject != "":
		words = append(words, c.Subject)
	case c.Items > 1:
		words = append(words, fmt.Sprintf("(%d of them)", c.Items))
	}
	if c.From != "" && c.Revision != "" {
		words = append(words, c.From, "to")
	}
	if c.Revision != "" {
		words = append(words, c.Revision)
	}
	if c.Rollback {
		words = append(words, "(a rollback)")
	}
	words = append(words, "by", c.System)
	if at := c.At(); c.Finished.IsZero() || at.After(moment) {
		words = append(words, "begun", ago(moment.Sub(c.Started)), "before")
	} else {
		words = append(words, ago(moment.Sub(at)), "before")
	}
	return strings.Join(words, " ") + " (" + strings.ReplaceAll(string(c.Outcome), "_", " ") + ")"
}

// ago writes a stretch as people say it: 40s, 4m, 1h20m, 3d.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
