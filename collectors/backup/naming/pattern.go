package naming

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
)

// What a template's marks stand for.
const (
	TenantMark   = "{tenant}"
	DatabaseMark = "{database}"
	DateMark     = "{date}"
)

// Pattern says whose backup a file is, by its name.
//
// A template is filled in for each tenant: a name is first looked up by what stands where the
// template's first mark is, so that a listing of a hundred thousand names is matched in a moment
// however many tenants there are, and then must fit that tenant's expression.
type Pattern struct {
	template string
	before   string         // the template's literal text before its first mark
	regexp   *regexp.Regexp // instead of a template

	tenants *collectors.Tenants // for whom the maps below were made
	byText  map[string][]entry  // by what stands at the first mark
	byName  map[string]string   // tenant by its name
	byBase  map[string]string   // tenant by its database; "" where several have one of that name
}

// entry is a template filled in for one tenant.
type entry struct {
	tenant string
	regexp *regexp.Regexp
}

// New makes a pattern of a template or of a regular expression with a group named tenant or
// database; the other is empty.
func New(template, expression string) (*Pattern, error) {
	if expression != "" {
		compiled, err := regexp.Compile(`^(?:` + expression + `)$`)
		if err != nil {
			return nil, fmt.Errorf("is no regular expression: %w", err)
		}
		if compiled.SubexpIndex("tenant") < 0 && compiled.SubexpIndex("database") < 0 {
			return nil, errors.New("needs a group named tenant or database, such as (?P<database>[a-z_]+)")
		}
		prefix, _ := regexp.MustCompile(expression).LiteralPrefix()
		return &Pattern{regexp: compiled, before: strings.TrimPrefix(prefix, "^")}, nil
	}
	first := firstMark(template)
	if first < 0 {
		return nil, errors.New("must hold {tenant} or {database}, or nobody knows whose backup it is")
	}
	before, _, wild := strings.Cut(template[:first], "*")
	if wild || strings.Contains(before, DateMark) {
		return nil, errors.New("may have * and {date} only after {tenant} or {database}; write a regexp instead")
	}
	if strings.HasPrefix(template, "/") {
		return nil, errors.New("begins with a slash; names are relative to the folder or bucket")
	}
	return &Pattern{template: template, before: before}, nil
}

// Prefix is what the names of all backups begin with.
func (p *Pattern) Prefix() string { return p.before }

func firstMark(template string) int {
	tenant, database := strings.Index(template, TenantMark), strings.Index(template, DatabaseMark)
	if tenant < 0 || (database >= 0 && database < tenant) {
		return database
	}
	return tenant
}

// Prepare fills the template in for the tenants as they are now.
func (p *Pattern) Prepare(tenants *collectors.Tenants, mine func(collectors.Tenant) bool) error {
	if p.tenants == tenants {
		return nil
	}
	byText, byName, byBase := map[string][]entry{}, map[string]string{}, map[string]string{}
	for _, tenant := range tenants.All() {
		if !mine(tenant) {
			continue
		}
		byName[tenant.Name] = tenant.Name
		if _, several := byBase[tenant.Database]; several {
			byBase[tenant.Database] = ""
		} else {
			byBase[tenant.Database] = tenant.Name
		}
		if p.regexp != nil {
			continue
		}
		compiled, err := regexp.Compile(p.fill(tenant))
		if err != nil {
			return fmt.Errorf("fill in the path of tenant %q: %w", tenant.Name, err)
		}
		text := tenant.Database
		if strings.HasPrefix(p.template[len(p.before):], TenantMark) {
			text = tenant.Name
		}
		byText[text] = append(byText[text], entry{tenant.Name, compiled})
	}
	p.tenants, p.byText, p.byName, p.byBase = tenants, byText, byName, byBase
	return nil
}

// dateText is a day, or a day and a time, in the ways that scripts write them.
const dateText = `\d{4}-?\d\d-?\d\d(?:[T_ \-]?\d\d[:.\-_]?\d\d(?:[:.\-_]?\d\d)?Z?)?`

var marks = regexp.MustCompile(`\{tenant\}|\{database\}|\{date\}|\*\*|\*`)

// fill makes the expression that names of a tenant's backups fit.
func (p *Pattern) fill(tenant collectors.Tenant) string {
	var out strings.Builder
	out.WriteByte('^')
	at := 0
	for _, mark := range marks.FindAllStringIndex(p.template, -1) {
		out.WriteString(regexp.QuoteMeta(p.template[at:mark[0]]))
		switch p.template[mark[0]:mark[1]] {
		case TenantMark:
			out.WriteString(regexp.QuoteMeta(tenant.Name))
		case DatabaseMark:
			out.WriteString(regexp.QuoteMeta(tenant.Database))
		case DateMark:
			out.WriteString(`(?P<date>` + dateText + `)`)
		case "**":
			out.WriteString(`.*`)
		case "*":
			out.WriteString(`[^/]*`)
		}
		at = mark[1]
	}
	out.WriteString(regexp.QuoteMeta(p.template[at:]))
	out.WriteByte('$')
	return out.String()
}

// longestName is how long a tenant's or database's name may be.
const longestName = 128

// Whose says to which tenant a file belongs, and what its name gives as its date; "" for neither.
func (p *Pattern) Whose(name string) (tenant, date string) {
	if p.regexp != nil {
		return p.byExpression(name)
	}
	rest, ok := strings.CutPrefix(name, p.before)
	if !ok {
		return "", ""
	}
	for length := min(len(rest), longestName); length > 0; length-- { // the longest name that fits wins
		for _, e := range p.byText[rest[:length]] {
			if found := e.regexp.FindStringSubmatch(name); found != nil {
				return e.tenant, group(e.regexp, found, "date")
			}
		}
	}
	return "", ""
}

func (p *Pattern) byExpression(name string) (tenant, date string) {
	found := p.regexp.FindStringSubmatch(name)
	if found == nil {
		return "", ""
	}
	if text := group(p.regexp, found, "tenant"); text != "" {
		return p.byName[text], group(p.regexp, found, "date")
	}
	return p.byBase[group(p.regexp, found, "database")], group(p.regexp, found, "date")
}

func group(expression *regexp.Regexp, found []string, name string) string {
	if i := expression.SubexpIndex(name); i >= 0 {
		return found[i]
	}
	return ""
}

// Date reads a date out of a name. A day without a time is no moment, and not used.
func Date(text string, zone *time.Location) (time.Time, bool) {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	if strings.HasSuffix(text, "Z") {
		zone = time.UTC
	}
	layouts := []string{"20060102150405", "200601021504"}
	i := slices.IndexFunc(layouts, func(layout string) bool { return len(layout) == len(digits) })
	if i < 0 {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(layouts[i], digits, zone)
	return at, err == nil
}
