package traefik

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// router is one as Traefik's API tells of it; nothing else of it is read.
type router struct {
	Name        string          `json:"name"`
	Rule        string          `json:"rule"`
	Service     string          `json:"service"`
	Provider    string          `json:"provider"`
	Status      string          `json:"status"`
	EntryPoints []string        `json:"entryPoints"`
	Middlewares []string        `json:"middlewares"`
	Priority    json.RawMessage `json:"priority"`
}

// internal says whether a router leads to Traefik itself: its API, its metrics, a redirection.
func (r router) internal() bool { return isInternal(r.Name) || isInternal(r.Service) }

func isInternal(name string) bool { return strings.HasSuffix(name, "@internal") }

// service is the name of the router's service as metrics and logs write it.
func (r router) service() string {
	if strings.Contains(r.Service, "@") || r.Provider == "" {
		return r.Service
	}
	return r.Service + "@" + r.Provider
}

// listing is what the API said when it was last heard.
type listing struct {
	routers []router
	version string
	digest  string    // of what decides where requests go
	at      time.Time // zero where it was never heard
	tried   time.Time
	err     error           // of the last try
	missed  map[string]bool // names on the metrics page that were looked for and are not listed
}

// due says whether the API is to be asked: from time to time, sooner where it did not answer, and at
// once for routers that are not known.
func (l *listing) due(now time.Time, every time.Duration, routers map[string]bool) bool {
	if l.err != nil || l.at.IsZero() {
		return true
	}
	if now.Sub(l.tried) >= every {
		return true
	}
	known := make(map[string]bool, len(l.routers))
	for _, r := range l.routers {
		known[r.Name] = true
	}
	for name := range routers {
		if !known[name] && !l.missed[name] {
			return true
		}
	}
	return false
}

const (
	routersAPage = 500
	mostRouters  = 50000
)

// list asks the API for all routers, page by page.
func (t *Target) list(ctx context.Context, now time.Time, named map[string]bool) error {
	l := &t.listing
	l.tried = now
	routers, err := t.pages(ctx)
	if l.err = err; err != nil {
		return err
	}
	slices.SortFunc(routers, func(a, b router) int { return strings.Compare(a.Name, b.Name) })
	l.routers, l.at, l.digest = routers, now, digest(routers)
	l.missed = maps.Clone(named)
	for _, r := range routers {
		delete(l.missed, r.Name)
	}
	l.version = t.version(ctx)
	return nil
}

func (t *Target) pages(ctx context.Context) ([]router, error) {
	var all []router
	for page := 1; ; {
		body, header, err := t.get(ctx, "routers", fmt.Sprintf("%s/http/routers?page=%d&per_page=%d", strings.TrimRight(t.config.API, "/"), page, routersAPage))
		if err != nil {
			return nil, err
		}
		var some []router
		if err := json.Unmarshal(body, &some); err != nil {
			return nil, collectors.Because(collectors.ReasonProtocol, errors.New("ask for routers: the answer is not a list of routers"))
		}
		all = append(all, some...)
		if len(all) > mostRouters {
			return nil, collectors.Because(collectors.ReasonProtocol, fmt.Errorf("ask for routers: there are more than %d", mostRouters))
		}
		next, _ := strconv.Atoi(header.Get("X-Next-Page")) // 1, or nothing, behind the last
		if next <= page || len(some) == 0 {
			return all, nil
		}
		page = next
	}
}

// version is that of Traefik, "" where it does not say.
func (t *Target) version(ctx context.Context) string {
	body, _, err := t.get(ctx, "the version", strings.TrimRight(t.config.API, "/")+"/version")
	if err != nil {
		return ""
	}
	var said struct{ Version string }
	if json.Unmarshal(body, &said) != nil || !isName(said.Version) {
		return ""
	}
	return said.Version
}

// digest tells whether routers are the same as before.
func digest(routers []router) string {
	var text strings.Builder
	for _, r := range routers {
		fmt.Fprintf(&text, "%q\n", []any{r.Name, r.Rule, r.service(), r.EntryPoints, r.Middlewares, r.Priority})
	}
	hash := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(hash[:])
}
