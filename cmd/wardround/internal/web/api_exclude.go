package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/wardround/wardround/slo"
)

// maxBody is how large a body may be that is sent to the API.
const maxBody = 64 << 10

// ExcludedJSON is the answer to who made or revoked an exclusion.
type ExcludedJSON struct {
	Exclusion ExclusionJSON `json:"exclusion"`
	Instances int           `json:"instances"` // that are judged now and in its scope
}

// change answers a sender who has a token. The Record writes down who that was; tokens are kept and
// shown nowhere.
func (s *server) change(e func(r *http.Request, sender string) (status int, answer any, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sender, err := s.sender(r)
		if err != nil {
			if errors.Is(err, errUnknownSender) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="wardround"`)
			}
			s.fail(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status, answer, err := e(r, sender)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, status, answer)
	}
}

// excluding answers with the exclusion that was made or revoked, and with how much it excludes.
func (s *server) excluding(e func(r *http.Request, sender string) (int, Exclusion, error)) func(*http.Request, string) (int, any, error) {
	return func(r *http.Request, sender string) (int, any, error) {
		status, kept, err := e(r, sender)
		if err != nil {
			return 0, nil, err
		}
		return status, ExcludedJSON{exclusionJSON(&kept), within(kept.Scope, s.State().Evaluations)}, nil
	}
}

func within(scope slo.Scope, all []slo.Evaluation) int {
	n := 0
	for i := range all {
		if scope.Applies(all[i].Instance, all[i].Tier) {
			n++
		}
	}
	return n
}

// tokenHeader holds the token where Authorization holds a user's name and password.
const tokenHeader = "X-Wardround-Token" //nolint:gosec // the name of a header, not a token

var errUnknownSender = &Fault{
	Status: http.StatusUnauthorized, Code: "unauthorized", Problem: "no known token came with the request",
	Advice: "send Authorization: Bearer <token>, with a token of api.tokens in the configuration; beside a user's password send it as " + tokenHeader,
}

// sender is whose token came. Digests are compared, all of them and in constant time, so that the
// time of an answer tells nothing of any token.
func (s *server) sender(r *http.Request) (string, error) {
	tokens := map[string]promconfig.Secret(nil)
	if s.Tokens != nil {
		tokens = s.Tokens()
	}
	if len(tokens) == 0 {
		return "", &Fault{
			Status: http.StatusForbidden, Code: "forbidden", Problem: "nobody may change anything here: no tokens are configured",
			Advice: "list name and token_file of each sender under api.tokens in the configuration, and reload it",
		}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if own := r.Header.Get(tokenHeader); own != "" {
		scheme, token = "Bearer", own
	}
	sum, name := sha256.Sum256([]byte(strings.TrimSpace(token))), ""
	for sender, secret := range tokens {
		if want := sha256.Sum256([]byte(secret)); subtle.ConstantTimeCompare(sum[:], want[:]) == 1 && secret != "" {
			name = sender
		}
	}
	if name == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", errUnknownSender
	}
	return name, nil
}

// exclude makes an exclusion. Sent twice it is made once.
func (s *server) exclude(r *http.Request, sender string) (int, Exclusion, error) {
	if err := noParameters(r); err != nil {
		return 0, Exclusion{}, err
	}
	x, err := readExclusion(r)
	if err != nil {
		return 0, Exclusion{}, err
	}
	kept, made, err := s.Record.Exclude(r.Context(), sender, x)
	switch {
	case err != nil:
		return 0, Exclusion{}, fmt.Errorf("make exclusion %s: %w", x.ID, err)
	case made:
		return http.StatusCreated, kept, nil
	case !kept.Revoked.IsZero():
		return 0, Exclusion{}, &Fault{
			Status: http.StatusConflict, Code: "conflict", Field: "id", Problem: fmt.Sprintf("exclusion %q was revoked", x.ID),
			Advice: "what was revoked stays so: choose another id",
		}
	case !same(kept.Exclusion, x):
		return 0, Exclusion{}, &Fault{
			Status: http.StatusConflict, Code: "conflict", Field: "id", Problem: fmt.Sprintf("there is another exclusion %q", x.ID),
			Advice: "what was made is not changed: choose another id, and revoke the earlier one if it is wrong",
		}
	}
	return http.StatusOK, kept, nil
}

// same says whether two exclusions say the same, in whatever zones their times were written.
func same(a, b slo.Exclusion) bool {
	one, err := json.Marshal(universal(a))
	other, otherErr := json.Marshal(universal(b))
	return err == nil && otherErr == nil && bytes.Equal(one, other)
}

// revoke takes an exclusion back. Done twice it is done once, for the first reason.
func (s *server) revoke(r *http.Request, sender string) (int, Exclusion, error) {
	p, err := readParameters(r.URL.RawQuery)
	if err != nil {
		return 0, Exclusion{}, err
	}
	id, why := r.PathValue("id"), strings.TrimSpace(p.text("reason"))
	if why == "" {
		p.refuse("reason", "it does not say why", "add ?reason=… for those who read the report")
	}
	if err := p.finish(); err != nil {
		return 0, Exclusion{}, err
	}
	kept, found, err := s.Record.Revoke(r.Context(), sender, id, why)
	switch {
	case err != nil:
		return 0, Exclusion{}, fmt.Errorf("revoke exclusion %s: %w", id, err)
	case !found:
		return 0, Exclusion{}, &Fault{
			Status: http.StatusNotFound, Code: "not_found", Problem: "there is no exclusion with this id", Advice: "GET /api/v1/exclusions lists them",
		}
	}
	return http.StatusOK, kept, nil
}

// readExclusion reads one strictly, and checks it as those are checked that stand in files.
func readExclusion(r *http.Request) (slo.Exclusion, error) {
	x := slo.Exclusion{Mode: slo.Remove}
	data, err := readJSON(r, &x)
	if err != nil {
		return x, err
	}
	if err := x.Validate(); err != nil {
		return x, invalid(err)
	}
	return x, scoped(data)
}

// readJSON reads the one object of a body strictly, and returns its bytes too.
func readJSON(r *http.Request, into any) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &Fault{
			Status: http.StatusUnsupportedMediaType, Code: "media_type", Problem: "the body is not said to be JSON", Advice: "send Content-Type: application/json",
		}
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unreadable(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err = d.Decode(into); err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.Join(errTrailing, more)
		}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return data, nil
}

// scoped refuses a body that says nothing of its scope: everything must be asked for.
func scoped(data []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return unreadable(err)
	}
	if _, ok := keys["scope"]; !ok {
		return &Fault{
			Status: http.StatusBadRequest, Code: "bad_body", Field: "scope", Problem: "the exclusion has no scope",
			Advice: "name objectives, tenants or tiers; {} is everything",
		}
	}
	return nil
}

var errTrailing = errors.New("something follows the JSON object")

// unreadable says what keeps a body from being an exclusion.
func unreadable(err error) *Fault {
	fault := &Fault{Status: http.StatusBadRequest, Code: "bad_body", Problem: "the body is not the JSON of one object that belongs here", Advice: "send one object as /api/v1/openapi.yaml describes it"}
	var large *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	var at *time.ParseError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &large):
		fault.Status, fault.Code = http.StatusRequestEntityTooLarge, "too_large"
		fault.Problem, fault.Advice = fmt.Sprintf("the body has more than %d bytes", maxBody), "name tiers instead of tenants, or split it"
	case isUnknown:
		fault.Field = strings.Trim(unknown, `"`)
		fault.Problem, fault.Advice = "there is no field "+unknown, "leave it out, or write the name as /api/v1/openapi.yaml does"
	case errors.As(err, &kind):
		fault.Field = kind.Field
		fault.Problem, fault.Advice = fmt.Sprintf("a JSON %s cannot stand here", kind.Value), "write what /api/v1/openapi.yaml says of this field"
	case errors.As(err, &at):
		fault.Problem, fault.Advice = fmt.Sprintf("%s is not a time", at.Value), "write it as in 2026-11-21T22:00:00Z (RFC 3339)"
	case errors.Is(err, errTrailing):
		fault.Problem = errTrailing.Error()
	}
	return fault
}

// invalid is the first thing that is wrong with an exclusion that could be read, and the rest in
// words.
func invalid(err error) *Fault {
	field, _, _ := strings.Cut(err.Error(), ": ")
	return &Fault{
		Status: http.StatusBadRequest, Code: "bad_body", Field: field,
		Problem: strings.ReplaceAll(err.Error(), "\n", "; "), Advice: "correct it and send it again; nothing was made",
	}
}

func noParameters(r *http.Request) error {
	p, err := readParameters(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return p.finish()
}
