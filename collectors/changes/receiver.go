package changes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	maxBody  = 256 << 10
	maxAhead = 5 * time.Minute  // that a sender's clock may be ahead without a word
	patience = 20 * time.Second // with a body that arrives bit by bit
)

// event is what a reader made of a body: all that is taken over of it.
type event struct {
	Change
	id    string            // the sender's own for the change
	again bool              // the id is that of a revision, which may be deployed again after others
	facts map[string]string // for rules, kept nowhere
}

// reader reads one sender's format; nil means that the event is no change. What it finds wrong is
// a Fault, whose words name fields and never repeat their values.
type reader func(*sender, http.Header, []byte) (*event, error)

func (s *Changes) reader(kind string) reader {
	return map[string]reader{"generic": s.generic, "github": github, "gitlab": gitlab, "argocd": argocd, "flux": flux}[kind]
}

// Fault is why an event was not taken, for its sender.
type Fault struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`            // one word for programs
	Field   string `json:"field,omitempty"` // of the body, where it is to blame
	Problem string `json:"problem"`
	Advice  string `json:"advice"`
}

// Error is the problem.
func (f *Fault) Error() string { return f.Problem }

func invalid(field, problem, advice string) error {
	return &Fault{http.StatusUnprocessableEntity, "invalid", field, problem, advice}
}

// Answer is what a sender is told of an event that was taken.
type Answer struct {
	Result string  `json:"result"` // recorded, updated, repeated, unmapped (concerns nobody who is known), or ignored (is no change)
	Change string  `json:"change,omitempty"`
	State  Outcome `json:"state,omitempty"` // of the change now
}

// Handler takes the events of one kind of sender: generic, github, gitlab, argocd or flux; nil for
// any other word. It wants POST with a JSON body of at most 256 KiB, and answers JSON: an Answer, or
// {"error": Fault} with 400 (not JSON), 401 (nobody who is known), 405, 413 (too large), 415 (not
// JSON by its header), 422 (not as documented), 429 (too many), 500 (could not be kept: send it
// again).
func (s *Changes) Handler(kind string) http.Handler {
	read := s.reader(kind)
	if read == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, answer, err := s.receive(kind, read, w, r)
		sender, status := "", http.StatusOK
		if who != nil {
			sender = who.Name
		}
		result, reply := answer.Result, any(answer)
		if err != nil {
			fault := s.fault(sender, err)
			result, status, reply = fault.Code, fault.Status, map[string]*Fault{"error": fault}
		}
		s.count(sender, result)
		respond(w, status, reply)
	})
}

func respond(w http.ResponseWriter, status int, reply any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="wardround"`)
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	case http.StatusTooManyRequests:
		header.Set("Retry-After", "60")
	}
	text, err := json.Marshal(reply)
	if err != nil { // cannot be: replies are strings
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s\n", text)
}

// fault is what the sender is told of an error. What is our own failure goes to the log.
func (s *Changes) fault(sender string, err error) *Fault {
	var fault *Fault
	if errors.As(err, &fault) {
		return fault
	}
	s.logger.Error("changes: an event could not be kept", "sender", sender, "error", err)
	return &Fault{http.StatusInternalServerError, "internal", "", "the event could not be kept", "send it again later; the log says why"}
}

func (s *Changes) count(sender, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[receipt{sender, result}]++
}

func (s *Changes) receive(kind string, read reader, w http.ResponseWriter, r *http.Request) (*sender, Answer, error) {
	body, err := content(w, r)
	if err != nil {
		return nil, Answer{}, err
	}
	who := s.proven(kind, r.Header, body)
	if who == nil {
		if !s.strange.Allow() {
			return nil, Answer{}, errFlood
		}
		return nil, Answer{}, &Fault{
			http.StatusUnauthorized, "unauthorized", "", "nobody who is known sent this",
			"send the token, or the signature made with it, of one of changes.senders in the configuration",
		}
	}
	if !who.limit.Allow() {
		return who, Answer{}, errFlood
	}
	e, err := read(who, r.Header, body)
	if err != nil || e == nil {
		return who, Answer{Result: "ignored"}, err
	}
	answer, err := s.take(who, e, time.Now())
	return who, answer, err
}

var errFlood = &Fault{
	http.StatusTooManyRequests, "flooded", "", "too many events came", "wait a minute; per_minute of the sender sets how many are taken",
}

// content is the body, if it is one to be read.
func content(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, &Fault{http.StatusMethodNotAllowed, "method", "", "only POST is answered here", "send the event with POST"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &Fault{
			http.StatusUnsupportedMediaType, "media_type", "", "the body is not said to be JSON",
			"have the sender use content type application/json",
		}
	}
	// What cannot be hurried, such as a test's recorder, is not slow either.
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("set a deadline: %w", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &Fault{
			http.StatusRequestEntityTooLarge, "too_large", "", fmt.Sprintf("the body is larger than %d bytes", maxBody),
			"send the event without attachments and logs",
		}
	case err != nil:
		return nil, &Fault{http.StatusBadRequest, "incomplete", "", "the body did not arrive whole", "send it again"}
	}
	return body, nil
}

// take finds whom an event concerns and records it.
func (s *Changes) take(who *sender, e *event, now time.Time) (Answer, error) {
	who.date(&e.Change, now)
	if who.Kind != "generic" {
		var known bool
		if e.Scope, known = scope(who.rules, e.facts, s.tenants.Current()); !known {
			return Answer{Result: "unmapped"}, nil
		}
	}
	e.Sender = who.Name
	if e.System == "" {
		e.System = who.Name
	}
	e.Key = s.key(digest(who.Name, e.Kind, e.id), e)
	if e.Outcome.final() {
		e.Counted = []Outcome{e.Outcome}
	}
	if e.Outcome.bad() {
		e.Failed = e.Finished
	}
	return s.taken(&e.Change)
}

// key is the identity of an event's change. Where a revision is deployed again after another was,
// that is another change; what is told late of the earlier one is still of the earlier one.
func (s *Changes) key(key string, e *event) string {
	if !e.again {
		return key
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch latest := s.journal.changes.latest(e.Stream); {
	case latest == nil || s.journal.changes.byKey[key] == nil:
		return key
	case latest.Revision == e.Revision:
		return latest.Key
	case e.Started.After(latest.At()):
		return digest(key, e.Started.UTC().Format(time.RFC3339Nano))
	}
	return key
}

func (s *Changes) taken(c *Change) (Answer, error) {
	s.mu.RLock()
	_, known := s.journal.changes.byKey[c.Key]
	s.mu.RUnlock()
	kept, changed, err := s.record(c)
	switch {
	case errors.Is(err, errTooOld):
		return Answer{}, invalid("started", "the change began before what is remembered", "send changes when they happen")
	case err != nil:
		return Answer{}, err
	}
	answer := Answer{Result: "recorded", Change: kept.Key, State: kept.Outcome}
	if known {
		answer.Result = "updated"
	}
	if !changed {
		answer.Result = "repeated"
	}
	return answer, nil
}

// date makes an event's times fit our clock and each other: nothing is yet to come, nothing ends
// before it began.
func (who *sender) date(c *Change, now time.Time) {
	ahead := c.At().Sub(now)
	who.ahead.Store(int64(max(0, ahead)))
	c.Started, c.Finished = c.Started.UTC(), c.Finished.UTC()
	if c.Started.After(now) {
		c.Started = now.UTC()
	}
	if !c.Outcome.final() {
		c.Finished = time.Time{}
		return
	}
	if c.Finished.IsZero() || c.Finished.After(now) {
		c.Finished = now.UTC()
	}
	if c.Finished.Before(c.Started) {
		c.Finished = c.Started
	}
}
