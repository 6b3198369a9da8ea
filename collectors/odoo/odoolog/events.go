package odoolog

import "strings"

// event is something that Odoo says in constant words.
type event struct {
	name   string // label value
	logger string // in which it is said; those below it count too
	begins string // of the message
	holds  string // within the message
	ends   string // of the message
	names  string // the words after which the message names the database, where the line does not
}

// events are in the order in which they are tried.
var events = []event{
	{name: "cron_failed", logger: "odoo.addons.base.models.ir_cron", begins: "Job '", holds: " server action #", ends: " failed"},    // from 18
	{name: "cron_failed", logger: "odoo.addons.base.models.ir_cron", begins: "Call from cron ", holds: " failed in Job #"},           // before
	{name: "database_skipped", logger: "odoo.addons.base.models.ir_cron", begins: "Skipping database ", names: "Skipping database "}, //
	{name: "worker_timeout", logger: "odoo.service.server", begins: "Worker", holds: ") timeout after "},
	{name: "worker_memory", logger: "odoo.service.server", holds: "memory limit (", ends: " reached."},
	{name: "worker_cpu", logger: "odoo.service.server", holds: "CPU time limit (", ends: " reached."},
	{name: "runner_ready", logger: "odoo.addons.queue_job.jobrunner", begins: "queue job runner ready for db ", names: "queue job runner ready for db "},
	{name: "runner_retries", logger: "odoo.addons.queue_job.jobrunner", begins: "exception: sleeping "},
	{name: "job_asked", logger: "odoo.addons.queue_job.jobrunner", begins: "asking Odoo to run job ", names: " on db "},
	{name: "login_failed", logger: "odoo.addons.base.models.res_users", begins: "Login failed for db:"},
	{name: "access_denied", logger: "odoo.http", begins: "Access Denied"},
	{name: "registry_unusable", logger: "odoo.http", begins: "Database or registry unusable"},
	{name: "database_unreachable", logger: "odoo.sql_db", begins: "Connection to the database failed"},
}

// eventOf finds what a line says; nil for nothing of these.
func eventOf(l line) *event {
	message := strings.TrimRight(l.message, " ")
	for i := range events {
		e := &events[i]
		if (l.logger == e.logger || strings.HasPrefix(l.logger, e.logger+".")) && strings.HasPrefix(message, e.begins) &&
			strings.Contains(message, e.holds) && strings.HasSuffix(message, e.ends) {
			return e
		}
	}
	return nil
}

// database is the one that the event concerns.
func (e *event) database(l line) string {
	if e.names == "" {
		return l.database
	}
	_, after, _ := strings.Cut(l.message, e.names)
	name, _, _ := strings.Cut(after, " ")
	return name
}

// cronID is the number of the scheduled task that failed, "" where the words are not those of
// Odoo. Its name is what somebody wrote.
func cronID(l line) string {
	message := strings.TrimRight(l.message, " ")
	id := ""
	if i := strings.LastIndex(message, " failed in Job #"); i >= 0 {
		id = message[i+len(" failed in Job #"):]
	} else if i := strings.LastIndex(message, ") server action #"); i >= 0 {
		id = message[strings.LastIndexByte(message[:i], '(')+1 : i]
	}
	if len(id) == 0 || len(id) > 9 || strings.Trim(id, "0123456789") != "" {
		return ""
	}
	return id
}
