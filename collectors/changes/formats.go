package changes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// Event is a change as the generic receiver takes it. Fields that are not listed here are refused.
type Event struct {
	ID       string    `json:"id"`                 // the same for all that is said of one change: letters, digits and ._:/-, 128 at most
	Kind     string    `json:"kind"`               // configuration, deployment, infrastructure, maintenance, migration, modules, pipeline, release, reload, restart, settings or version
	Tenants  []string  `json:"tenants,omitempty"`  // names of tenants, or
	Pattern  string    `json:"pattern,omitempty"`  // a shell pattern that their names fit, or
	Scope    string    `json:"scope,omitempty"`    // "all" for the whole platform
	Revision string    `json:"revision,omitempty"` // a version or a commit
	System   string    `json:"system,omitempty"`   // what makes the change: the sender's name, or one of its systems
	Started  time.Time `json:"started"`            // RFC 3339
	Finished time.Time `json:"finished,omitzero"`  // RFC 3339, with a final outcome
	Outcome  Outcome   `json:"outcome"`            // started, succeeded, failed, rolled_back or cancelled
	Link     string    `json:"link,omitempty"`     // https, without user, query and fragment
}

var eventID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`)

// generic reads an Event.
func (s *Changes) generic(who *sender, _ http.Header, body []byte) (*event, error) {
	var sent Event
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&sent); err != nil {
		return nil, malformed(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, notJSON
	}
	if err := sent.validate(who); err != nil {
		return nil, err
	}
	concerned, err := sent.scope(s.tenants.Current())
	if err != nil {
		return nil, err
	}
	return &event{id: sent.ID, Change: Change{
		Kind: sent.Kind, System: sent.System, Scope: concerned, Revision: revision(sent.Revision),
		Started: sent.Started, Finished: sent.Finished, Outcome: sent.Outcome, Link: link(sent.Link),
		Stream: digest(who.Name, sent.Kind, sent.System, sent.Pattern, sent.Scope, strings.Join(concerned.Tenants, ",")),
	}}, nil
}

var notJSON = &Fault{http.StatusBadRequest, "malformed", "", "the body is not one JSON object", "send one object as documented"}

// malformed says what a strict decoder did not like, without the values.
func malformed(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return invalid(technical(kind.Field), "a field is not of its type", "write it as documented")
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return invalid("", "there is a field that is not documented", "send id, kind, tenants or pattern or scope, revision, system, started, finished, outcome and link only")
	}
	if strings.HasPrefix(err.Error(), "parsing time") || strings.Contains(err.Error(), "Time.UnmarshalJSON") {
		return invalid("", "a time is not of RFC 3339", "write times such as 2026-11-01T02:00:00Z")
	}
	return notJSON
}

func (e *Event) validate(who *sender) error {
	switch {
	case !eventID.MatchString(e.ID):
		return invalid("id", "is missing or not an id", "use letters, digits and ._:/-, 128 at most")
	case !slices.Contains(kinds, e.Kind):
		return invalid("kind", "is missing or unknown", "write one of "+strings.Join(kinds, ", "))
	case e.Outcome != Started && !e.Outcome.final():
		return invalid("outcome", "is missing or unknown", "write started, succeeded, failed, rolled_back or cancelled")
	case e.Started.IsZero():
		return invalid("started", "is missing", "write a time such as 2026-11-01T02:00:00Z")
	case e.Outcome.final() == e.Finished.IsZero():
		return invalid("finished", "must be there with a final outcome, and only then", "write when the change ended, or outcome started")
	case e.System != "" && e.System != who.Name && !slices.Contains(who.Systems, e.System):
		return invalid("system", "is not one that this sender speaks for", "leave it out, or list it under systems of the sender in the configuration")
	case e.Revision != "" && revision(e.Revision) == "":
		return invalid("revision", "is neither a version nor a commit", "write such as 18.0.3.2, release-42 or a commit's hex digits")
	case e.Link != "" && link(e.Link) != e.Link:
		return invalid("link", "is not a plain link", "write an http or https URL without user, query and fragment, 200 characters at most")
	}
	return nil
}

// scope is whom a generic event concerns: exactly one of three ways to say so.
func (e *Event) scope(tenants *collectors.Tenants) (Scope, error) {
	ways := 0
	for _, way := range []bool{len(e.Tenants) > 0, e.Pattern != "", e.Scope != ""} {
		if way {
			ways++
		}
	}
	if ways != 1 || e.Scope != "" && e.Scope != "all" {
		return Scope{}, invalid("tenants", "whom the change concerns is said in no way or in several", `write tenants, or pattern, or "scope": "all"`)
	}
	if e.Scope == "all" {
		return Scope{All: true}, nil
	}
	names := slices.Clone(e.Tenants)
	for _, t := range tenants.All() {
		fits, err := filepath.Match(e.Pattern, t.Name)
		if err != nil {
			return Scope{}, invalid("pattern", "is not a shell pattern", "write such as clinic-*")
		}
		if e.Pattern != "" && fits {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, tenant := range names {
		if _, known := tenants.ByName(tenant); !known {
			return Scope{}, invalid("tenants", "names a tenant that is not known", "use the names of GET /api/v1/tenants")
		}
	}
	if len(names) == 0 {
		return Scope{}, invalid("pattern", "fits no tenant that is known", "see GET /api/v1/tenants")
	}
	return Scope{Tenants: names}, nil
}

// decode reads a foreign body, whose other fields are none of our business.
func decode(body []byte, into any) error {
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(body, into); {
	case errors.As(err, &kind):
		return invalid(technical(kind.Field), "a field is not of its type", "see the sender's own documentation of the event")
	case errors.Is(err, errTime):
		return errTime
	case err != nil:
		return notJSON
	}
	return nil
}

// moment is a time as senders write it.
type moment struct{ time.Time }

// UnmarshalJSON reads RFC 3339, GitLab's "2026-11-01 02:00:00 UTC" and "2026-11-01 02:00:00 +0100",
// and null.
func (m *moment) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil || s == "" {
		return err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, s); err == nil {
			m.Time = at
			return nil
		}
	}
	return errTime
}

var errTime = &Fault{
	http.StatusUnprocessableEntity, "invalid", "", "a time is not written as this sender writes times", "see the sender's own documentation of the event",
}

func missing(fields ...string) error {
	return invalid(fields[0], fmt.Sprintf("the event lacks %s", strings.Join(fields, " or ")), "see the sender's own documentation of the event")
}
