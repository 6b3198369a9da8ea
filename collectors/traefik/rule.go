package traefik

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// ownership is whose the requests are that a router takes.
type ownership struct {
	tenant string // "" for no single one's
	shared bool   // several tenants'
}

// claim says whose hosts a router's rule takes. Traefik writes rules as Go writes expressions. One
// that takes hosts of no tenant as well, or cannot be read, says nothing of whose the router is.
func claim(text string, tenants *collectors.Tenants) ownership {
	e, err := parser.ParseExpr(text)
	if err != nil {
		return ownership{}
	}
	r := rule{patterns: map[string]*regexp.Regexp{}}
	if r.takes(e, nobody) != never {
		return ownership{}
	}
	var o ownership
	for _, host := range candidates(e, tenants) {
		tenant, known := tenants.ByHost(host)
		switch {
		case !known || r.takes(e, host) == never:
		case o.tenant == "":
			o.tenant = tenant.Name
		case o.tenant != tenant.Name:
			return ownership{shared: true}
		}
	}
	return o
}

// nobody is a host that no tenant has.
const nobody = "nobody.invalid"

// candidates are the hosts that a rule which does not take all may take: those it names, and where it
// has a pattern, any.
func candidates(e ast.Expr, tenants *collectors.Tenants) []string {
	var hosts []string
	ast.Inspect(e, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if !is {
			return true
		}
		switch matcher(call) {
		case "host":
			hosts = append(hosts, arguments(call)...)
		case "hostregexp":
			for _, t := range tenants.All() {
				hosts = append(hosts, t.Hosts...)
			}
		}
		return false
	})
	return hosts
}

// taking is whether a rule takes requests to a host.
type taking int

const (
	never taking = iota
	some         // it depends on what else is asked: the path, the client
	always
)

// rule is one that is being understood.
type rule struct {
	patterns map[string]*regexp.Regexp // as written; nil for one that cannot be read
}

// takes says whether an expression takes requests to a host. What is not understood may.
func (r rule) takes(e ast.Expr, host string) taking {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return r.takes(e.X, host)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return always - r.takes(e.X, host)
		}
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND:
			return min(r.takes(e.X, host), r.takes(e.Y, host))
		case token.LOR:
			return max(r.takes(e.X, host), r.takes(e.Y, host))
		}
	case *ast.CallExpr:
		return r.matches(e, host)
	}
	return some
}

// matches says whether one matcher takes requests to a host; all but those of hosts may.
func (r rule) matches(call *ast.CallExpr, host string) taking {
	is := func(pattern string) bool { return strings.EqualFold(strings.TrimSuffix(pattern, "."), host) }
	switch matcher(call) {
	case "host":
	case "hostregexp":
		is = func(pattern string) bool {
			compiled := r.pattern(pattern)
			return compiled != nil && compiled.MatchString(strings.ToLower(host))
		}
	default:
		return some
	}
	if slices.ContainsFunc(arguments(call), is) {
		return always
	}
	return never
}

func (r rule) pattern(text string) *regexp.Regexp {
	compiled, known := r.patterns[text]
	if !known {
		compiled, _ = regexp.Compile(text) // Traefik refuses the router, too
		r.patterns[text] = compiled
	}
	return compiled
}

// matcher is the name of what is called, in lower case: Traefik takes any.
func matcher(call *ast.CallExpr) string {
	if name, is := call.Fun.(*ast.Ident); is {
		return strings.ToLower(name.Name)
	}
	return ""
}

// arguments are the texts that a matcher is given.
func arguments(call *ast.CallExpr) []string {
	var all []string
	for _, argument := range call.Args {
		if text, is := argument.(*ast.BasicLit); is && text.Kind == token.STRING {
			if value, err := strconv.Unquote(text.Value); err == nil {
				all = append(all, value)
			}
		}
	}
	return all
}
