package odoolog

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wardround/wardround/collectors"
)

// Config says which log is read.
type Config struct {
	Path    string   `yaml:"path"`    // of Odoo's log file; empty means that none is read
	Loggers []string `yaml:"loggers"` // loggers whose errors are told apart, besides Odoo's own
}

var loggerForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){0,9}$`)

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	if c.Path != "" && !filepath.IsAbs(c.Path) {
		errs = append(errs, collectors.Invalid("path", "must be absolute"))
	}
	if len(c.Loggers) > mostLoggers {
		errs = append(errs, collectors.Invalid("loggers", "are %d; write at most %d", len(c.Loggers), mostLoggers))
	}
	for i, logger := range c.Loggers {
		if !loggerForm.MatchString(logger) {
			errs = append(errs, collectors.Invalid("loggers["+strconv.Itoa(i)+"]", "is no name of a logger, such as odoo.addons.clinic"))
		}
	}
	return errors.Join(errs...)
}

const mostLoggers = 50

// loggers are those whose errors are told apart; one stands for those below it too.
var loggers = []string{
	"odoo.http", "odoo.sql_db", "odoo.service", "odoo.modules", "odoo.tools", "odoo.models",
	"odoo.addons.base.models.ir_cron", "odoo.addons.base.models.ir_mail_server", "odoo.addons.base.models.ir_http",
	"odoo.addons.base.models.ir_actions_report", "odoo.addons.bus", "odoo.addons.mail", "odoo.addons.fetchmail",
	"odoo.addons.account", "odoo.addons.account_edi", "odoo.addons.queue_job", "odoo.addons.rest_log", "odoo.addons.website",
	"werkzeug",
}

// loggerName is the longest listed logger that a line's logger is, or is below of.
func (c Config) loggerName(logger string) string {
	best := "other"
	for _, listed := range slices.Concat(loggers, c.Loggers) {
		if (logger == listed || strings.HasPrefix(logger, listed+".")) && (best == "other" || len(listed) > len(best)) {
			best = listed
		}
	}
	return best
}
