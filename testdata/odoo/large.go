package odoo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/wardround/wardround/testdata/platform"
)

// Size is how much a tenant has in its tables.
type Size struct{ Jobs, Invoices, Mails int }

// Large is the tenant on which the cost of a visit is measured. Making it takes about a minute.
var Large = Size{Jobs: 1_000_000, Invoices: 300_000, Mails: 200_000}

// Enlarge gives a tenant that Seed made a long past, and brings its statistics up to date.
func Enlarge(ctx context.Context, pg *platform.Postgres, database string, size Size) error {
	parts, err := read("large.sql")
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{jobs}", strconv.Itoa(size.Jobs), "{invoices}", strconv.Itoa(size.Invoices), "{mails}", strconv.Itoa(size.Mails))
	if err := pg.Exec(ctx, database, "SET ROLE odoo;\n"+fill.Replace(parts[0])); err != nil {
		return fmt.Errorf("enlarge %s: %w", database, err)
	}
	return pg.Exec(ctx, database, "VACUUM ANALYZE")
}
