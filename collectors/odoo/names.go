package odoo

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The names that may become label values or part of a text. What has not the form of a technical
// name, or comes from where users write, is replaced.
var (
	channelForm = regexp.MustCompile(`^root(\.[A-Za-z0-9_-]{1,40}){0,6}$`)
	xmlidForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}\.[A-Za-z0-9_.-]{1,100}$`)
	versionForm = regexp.MustCompile(`^(saas~)?[0-9]{1,4}(\.[0-9]{1,6}){1,6}$`)
)

// otherName stands for every name that is not let through.
const otherName = "other"

func channelName(s string) string {
	if channelForm.MatchString(s) {
		return s
	}
	return otherName
}

// cronName is a cron's xmlid, which is the same for all tenants and languages. Crons that users
// made have none, or one that Odoo derived from what they wrote.
func cronName(xmlid string, id int64) string {
	if !xmlidForm.MatchString(xmlid) || strings.HasPrefix(xmlid, "studio_") {
		return fmt.Sprintf("user_cron_%d", id)
	}
	return xmlid
}

func versionName(s string) string {
	if versionForm.MatchString(s) {
		return s
	}
	return ""
}

// seriesOf is the series of a version of the module base: 18.0 of 18.0.1.3, saas~17.4 of
// saas~17.4.1.3.
func seriesOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// failureTypes are the reasons that mail_mail.failure_type can give.
var failureTypes = []string{
	"mail_smtp", "mail_email_invalid", "mail_email_missing", "mail_from_invalid", "mail_from_missing",
	"mail_bl", "mail_optout", "mail_dup", "mail_spam", "unknown",
}

func failureType(s string) string {
	switch {
	case s == "":
		return "unknown"
	case slices.Contains(failureTypes, s):
		return s
	}
	return otherName
}

// exceptionNames are the kinds of errors that are told apart: those that say who is at fault, our
// code, the data, a partner or the database.
//
//go:embed exceptions.txt
var exceptionNames string

// exceptionName is the name of an error's class where it is one of those.
func exceptionName(s string) string {
	s = strings.TrimPrefix(s, "builtins.")
	if s != "" && !strings.ContainsAny(s, " \n") && strings.Contains(exceptionNames, "\n"+s+"\n") {
		return s
	}
	return otherName
}
