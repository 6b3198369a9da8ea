package changes

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// sender is a Sender ready to be recognized.
type sender struct {
	Sender
	rules   []*rule
	limit   *rate.Limiter
	failing atomic.Bool // the token file could not be read last time, which was said
	ahead   atomic.Int64
}

const (
	defaultPerMinute   = 60
	strangersPerSecond = 1
	strangersAtOnce    = 60
)

func newSender(c Sender) (*sender, error) {
	if _, err := c.secret(); err != nil {
		return nil, err
	}
	rules, err := compile(c.Rules, senderFacts[c.Kind])
	if err != nil {
		return nil, err
	}
	if c.PerMinute == 0 {
		c.PerMinute = defaultPerMinute
	}
	return &sender{Sender: c, rules: rules, limit: rate.NewLimiter(rate.Limit(float64(c.PerMinute)/60), c.PerMinute)}, nil
}

// signatures are the headers in which a kind of sender signs the body, and tokens those in which it
// shows its token beside Authorization.
var (
	signatures = map[string]string{"github": "X-Hub-Signature-256", "flux": "X-Signature"}
	tokens     = map[string]string{"gitlab": "X-Gitlab-Token"}
)

// proven is the sender of a kind who knows its secret, nil for nobody. All secrets are compared,
// each in constant time, so that the time of an answer tells nothing of any.
func (s *Changes) proven(kind string, header http.Header, body []byte) *sender {
	var who *sender
	for _, candidate := range s.setup.Load().senders {
		if candidate.Kind != kind {
			continue
		}
		token, err := candidate.secret()
		if failed := err != nil; candidate.failing.Swap(failed) != failed && failed {
			s.logger.Error("changes: a sender cannot be recognized", "sender", candidate.Name, "error", err)
		}
		if err == nil && proves(kind, header, body, token) {
			who = candidate
		}
	}
	return who
}

// proves says whether a request was made by who knows the token. Where a signature came, it must be
// right, whatever else came.
func proves(kind string, header http.Header, body []byte, token string) bool {
	if signature := header.Get(signatures[kind]); signatures[kind] != "" && signature != "" {
		return signed(signature, body, token)
	}
	shown := header.Get("Authorization")
	if scheme, credentials, _ := strings.Cut(shown, " "); strings.EqualFold(scheme, "Bearer") {
		shown = strings.TrimSpace(credentials)
	} else {
		shown = ""
	}
	if tokens[kind] != "" && shown == "" {
		shown = header.Get(tokens[kind])
	}
	got, want := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// signed checks sha256=<hex>.
func signed(signature string, body []byte, token string) bool {
	digits, ok := strings.CutPrefix(signature, "sha256=")
	got, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	return ok && err == nil && hmac.Equal(got, mac.Sum(nil))
}
