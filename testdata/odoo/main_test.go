package odoo_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/wardround/wardround/testdata/platform"
)

var cluster *platform.Postgres

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(platform.SharePostgres(m, platform.PostgresOptions{}, &cluster))
}
