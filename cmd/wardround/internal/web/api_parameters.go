package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what one request may ask for.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxPoints    = 5000 // of a history
	maxValues    = 100  // of one parameter
	maxText      = 500  // bytes of one value
)

// parameters reads a query strictly: what is not understood is refused, never passed over, because
// an answer to a mistyped filter would be taken for that to the right one. The first fault sticks;
// finish tells it.
type parameters struct {
	given url.Values
	asked []string // names that the endpoint knows
	fault *Fault
}

func readParameters(query string) (*parameters, error) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, &Fault{
			Status: http.StatusBadRequest, Code: "bad_query", Problem: "the query cannot be read: " + err.Error(),
			Advice: "separate parameters by & and write other characters in percent-encoding",
		}
	}
	return &parameters{given: given}, nil
}

// refuse notes what is wrong with a parameter.
func (p *parameters) refuse(name, problem, advice string) {
	if p.fault == nil {
		p.fault = &Fault{Status: http.StatusBadRequest, Code: "bad_parameter", Parameter: name, Problem: problem, Advice: advice}
	}
}

// finish tells the first fault, or that something was given that nobody asked for.
func (p *parameters) finish() error {
	for name := range p.given {
		if !slices.Contains(p.asked, name) {
			slices.Sort(p.asked)
			p.refuse(name, fmt.Sprintf("%q is not a parameter here", name), allowed(p.asked))
		}
	}
	if p.fault != nil {
		return p.fault
	}
	return nil
}

func allowed(names []string) string {
	if len(names) == 0 {
		return "leave it out; there are no parameters"
	}
	return "use " + strings.Join(names, ", ")
}

// texts are all values of a parameter that may be repeated; an item fits if it has any of them.
func (p *parameters) texts(name string) []string {
	p.asked = append(p.asked, name)
	values := p.given[name]
	if len(values) > maxValues {
		p.refuse(name, fmt.Sprintf("%d values are too many", len(values)), fmt.Sprintf("give at most %d, or leave it out and choose yourself", maxValues))
	}
	for _, v := range values {
		switch {
		case v == "":
			p.refuse(name, "the value is empty", "leave the parameter out, or say which")
		case len(v) > maxText:
			p.refuse(name, "the value is too long", fmt.Sprintf("no name has more than %d bytes", maxText))
		}
	}
	return values
}

// text is the value of a parameter that stands once at most, or "".
func (p *parameters) text(name string) string {
	values := p.texts(name)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	p.refuse(name, "it stands there more than once", "give one value")
	return ""
}

// choices are the values of a parameter that knows only these.
func choices[T ~string](p *parameters, name string, allowed []T) []T {
	var chosen []T
	for _, v := range p.texts(name) {
		if !slices.Contains(allowed, T(v)) {
			p.refuse(name, fmt.Sprintf("%q is not known", v), "use "+join(allowed))
		}
		chosen = append(chosen, T(v))
	}
	return chosen
}

// choice is the value of a parameter that knows only these and stands once at most, or "".
func choice[T ~string](p *parameters, name string, allowed []T) T {
	if chosen := choices(p, name, allowed); len(chosen) == 1 {
		return chosen[0]
	} else if len(chosen) > 1 {
		p.refuse(name, "it stands there more than once", "give one of "+join(allowed))
	}
	return ""
}

func join[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

// flag is true or false, or nil where it is left out.
func (p *parameters) flag(name string) *bool {
	value := choice(p, name, []string{"true", "false"})
	if value == "" {
		return nil
	}
	set := value == "true"
	return &set
}

// time is an instant, zero where it is left out.
func (p *parameters) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 {
		p.refuse(name, fmt.Sprintf("%q is not a time", text), "write it as in 2026-11-21T22:00:00Z (RFC 3339, since 1970; the + of a zone is %2B in a query)")
	}
	return at.UTC()
}

// limit is how many items a page may have.
func (p *parameters) limit() int {
	text := p.text("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		p.refuse("limit", fmt.Sprintf("%q is not a page's size", text), fmt.Sprintf("write a whole number from 1 to %d", maxLimit))
	}
	return n
}
