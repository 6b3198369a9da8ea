package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Outcome is how a change stands.
type Outcome string

// The outcomes. All but the first are final; a change may still be rolled back, or be made good by
// a second attempt, after another of them.
const (
	Started    Outcome = "started"
	Succeeded  Outcome = "succeeded"
	Failed     Outcome = "failed"
	RolledBack Outcome = "rolled_back"
	Cancelled  Outcome = "cancelled"

	// Observed is the outcome of what nobody reported: a visit found it different.
	Observed Outcome = "observed"
)

var finals = []Outcome{Succeeded, Failed, RolledBack, Cancelled}

func (o Outcome) final() bool { return slices.Contains(finals, o) }

// bad says whether the outcome counts against the share of changes that succeed.
func (o Outcome) bad() bool { return o == Failed || o == RolledBack }

// Kinds are what a change may be that is reported or differs from what was seen before: a label, so
// the set is fixed.
var kinds = []string{
	"configuration", "deployment", "infrastructure", "maintenance", "migration", "modules",
	"pipeline", "release", "reload", "restart", "settings", "version",
}

// Scope says whom a change concerns. Exactly one of its fields is set.
type Scope struct {
	All     bool     `json:"all,omitempty"`     // the whole platform
	Tenants []string `json:"tenants,omitempty"` // by name, sorted
	Target  string   `json:"target,omitempty"`  // a server: the tenants whose database it holds, or everybody where it holds none
}

// Change is one change as it is known now.
type Change struct {
	Key      string    `json:"key"`    // identity: a digest of sender and the sender's own id
	Sender   string    `json:"sender"` // from the configuration; "wardround" for what visits saw
	System   string    `json:"system"` // what made the change, such as argo-cd
	Kind     string    `json:"kind"`
	Subject  string    `json:"subject,omitempty"`  // technical name of what was changed
	Items    int       `json:"items,omitempty"`    // how many differed, where it was seen
	Database string    `json:"database,omitempty"` // that came or went, with the tenant that is the subject
	Stream   string    `json:"stream,omitempty"`   // digest of what is deployed where: its revisions follow one another
	Scope    Scope     `json:"scope"`
	Revision string    `json:"revision,omitempty"`
	From     string    `json:"from,omitempty"` // the revision before, where it was seen
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"` // zero while it runs
	Outcome  Outcome   `json:"outcome"`
	Counted  []Outcome `json:"counted,omitempty"`  // every final outcome it had, in order, each once
	Failed   time.Time `json:"failed,omitzero"`    // when it first failed or was rolled back
	Rollback bool      `json:"rollback,omitempty"` // its revision had been left for another before
	Link     string    `json:"link,omitempty"`     // without query
}

// At is when the change was done, or begun where it is not done.
func (c *Change) At() time.Time {
	if c.Finished.IsZero() {
		return c.Started
	}
	return c.Finished
}

// inForce says whether the change's revision came to be what runs.
func (c *Change) inForce() bool {
	return c.Outcome == Observed || slices.Contains(c.Counted, Succeeded)
}

// tallied calls count for everything that counters say of the change, once for each tenant that it
// names, or for "" where it is wider.
func (c *Change) tallied(count func(tally)) {
	what := make([]string, 0, len(c.Counted)+1)
	for _, o := range c.Counted {
		what = append(what, string(o))
	}
	if c.Outcome == Observed {
		what = append(what, string(Observed))
	}
	if c.Rollback || slices.Contains(c.Counted, RolledBack) {
		what = append(what, rollback)
	}
	for _, w := range what {
		if len(c.Scope.Tenants) == 0 {
			count(tally{"", c.Kind, w})
		}
		for _, tenant := range c.Scope.Tenants {
			count(tally{tenant, c.Kind, w})
		}
	}
}

// rollback is counted beside outcomes.
const rollback = "rollback"

// merge is the change after a later event about it. Events may come twice and out of order: an
// outcome that it had before, one older than the present one, and a start after the end change
// nothing but that the earliest start is kept.
func (c *Change) merge(e *Change) (merged Change, changed bool) {
	merged = *c
	if e.Started.Before(c.Started) {
		merged.Started, changed = e.Started, true
	}
	if !e.Outcome.final() || slices.Contains(c.Counted, e.Outcome) || e.Finished.Before(c.Finished) {
		return merged, changed
	}
	merged.Counted = append(slices.Clone(c.Counted), e.Outcome)
	merged.Outcome, merged.Finished = e.Outcome, e.Finished
	if e.Outcome.bad() && merged.Failed.IsZero() {
		merged.Failed = e.Finished
	}
	if e.Link != "" {
		merged.Link = e.Link
	}
	if e.Revision != "" {
		merged.Revision = e.Revision
	}
	return merged, true
}

// digest is a short name for parts that are themselves not to be shown.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:10])
}

// name is the shape of a technical name: no spaces, no mail address, not long.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,79}$`)

// technical is a foreign name if it has the shape of one, else "".
func technical(s string) string {
	if name.MatchString(s) {
		return s
	}
	return ""
}

var (
	version = regexp.MustCompile(`^((release|version|build|odoo)[-_/])?v?\d+([._-]\d+)*([._-]?(a|b|rc|alpha|beta|dev|pre|post)[._-]?\d*)?(\+[0-9a-f]{1,40})?$`)
	commit  = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

const (
	longestRevision = 64
	shortCommit     = 12
)

// revision is a version or a shortened commit, "" for anything else: a branch is named by people.
// Flux writes branch@sha1:commit.
func revision(s string) string {
	if _, after, found := strings.Cut(s, "@sha1:"); found {
		s = after
	} else if before, after, found := strings.Cut(s, "@sha256:"); found {
		if s = after; version.MatchString(before) {
			s = before
		}
	}
	switch {
	case len(s) > longestRevision:
		return ""
	case commit.MatchString(s):
		return s[:min(len(s), shortCommit)]
	case version.MatchString(s):
		return s
	}
	return ""
}

const longestLink = 200

// path is the shape of a link's path: names and numbers, nothing escaped.
var path = regexp.MustCompile(`^[A-Za-z0-9._~/-]*$`)

// link is a foreign URL without user, query and fragment, "" where it is none that may be shown.
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Opaque != "" {
		return ""
	}
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	if len(shown) > longestLink || !path.MatchString(u.Path) {
		return ""
	}
	return shown
}
