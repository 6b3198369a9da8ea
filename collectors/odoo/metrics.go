package odoo

import (
	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/odoo/odoolog"
	"github.com/wardround/wardround/collectors/postgres"
)

// What a tenant is.
var (
	metricTenantInfo = &collectors.Metric{
		Name: "odoo_tenant_info", Labels: []string{"tier", "region", "series", "version", "neutralized", "database"},
		Help: "Who a tenant is; the value is always 1, and what could not be read has no label", Source: "configuration, ir_module_module, ir_config_parameter",
	}
	metricDatabaseFingerprint = &collectors.Metric{
		Name: "odoo_database_fingerprint_info", Labels: []string{"fingerprint"},
		Help: "A hash of database.uuid; two databases with the same one are copies of each other", Source: "ir_config_parameter",
	}
)

// What bars the way of Odoo's own tools, and where its mails lead.
var (
	metricStrangers = &collectors.Metric{
		Name: "odoo_database_foreign_connections",
		Help: "Connections to the tenant's database of other roles than its owner, without that of the visit; Odoo can neither duplicate, rename, drop nor back it up while there are any", Source: "pg_stat_activity",
	}
	metricForeignAddress = &collectors.Metric{
		Name: "odoo_base_url_foreign",
		Help: "Whether the address that Odoo writes into mails is none of the tenant's hosts; absent where these are not configured", Source: "ir_config_parameter",
	}
)

// Releases and scheduled tasks.
var (
	metricModulesPending = &collectors.Metric{
		Name: "odoo_modules_pending", Labels: []string{"state"},
		Help: "Modules waiting to be installed, upgraded or removed", Source: "ir_module_module",
	}
	metricCronsBlocked = &collectors.Metric{
		Name: "odoo_crons_blocked",
		Help: "Whether Odoo skips all scheduled tasks because of pending modules or a wrong version of the module base", Source: "ir_module_module",
	}
	metricCrons = &collectors.Metric{
		Name: "odoo_crons", Labels: []string{"state"},
		Help: "Scheduled tasks that are active, disabled, due, overdue by more than their interval and the grace time, or running as of the visit; a task can be in several states", Source: "ir_cron, ir_cron_trigger, ir_cron_progress, pg_locks",
	}
	metricCronsFailing = &collectors.Metric{
		Name: "odoo_crons_failing",
		Help: "Active scheduled tasks that failed the last time; absent where Odoo keeps no trace of failures (before 17.3)", Source: "ir_cron.failure_count",
	}
	metricCronOldestOverdue = &collectors.Metric{
		Name: "odoo_cron_oldest_overdue_timestamp_seconds", Unit: "seconds",
		Help: "Since when the longest waiting scheduled task is due, 0 if none is", Source: "ir_cron.nextcall, ir_cron_trigger.call_at",
	}
	metricCronDue = &collectors.Metric{
		Name: "odoo_cron_due_timestamp_seconds", Unit: "seconds", Labels: []string{"cron"},
		Help: "Since when an overdue scheduled task is due; only those overdue, the longest first, have a series", Source: "ir_cron.nextcall",
	}
	metricCronFailures = &collectors.Metric{
		Name: "odoo_cron_failures", Labels: []string{"cron"},
		Help: "Failures in a row of a scheduled task; only tasks in trouble have a series", Source: "ir_cron.failure_count",
	}
	metricCronFailingSince = &collectors.Metric{
		Name: "odoo_cron_first_failure_timestamp_seconds", Unit: "seconds", Labels: []string{"cron"},
		Help: "Since when a scheduled task fails; only tasks in trouble have a series", Source: "ir_cron.first_failure_date",
	}
	metricCronOldestRunning = &collectors.Metric{
		Name: "odoo_cron_oldest_running_timestamp_seconds", Unit: "seconds",
		Help: "Since when the scheduled task that has been running for longest runs; absent while none does", Source: "ir_cron_progress.create_date, pg_stat_activity.xact_start",
	}
	metricCronRunning = &collectors.Metric{
		Name: "odoo_cron_running_since_timestamp_seconds", Unit: "seconds", Labels: []string{"cron"},
		Help: "Since when a running scheduled task runs, the longest first; series before 18 do not tell which one runs", Source: "ir_cron_progress.create_date",
	}
	metricCronsNotShown = &collectors.Metric{
		Name: "odoo_crons_trouble_not_shown",
		Help: "Scheduled tasks in trouble beyond those that have series of their own", Source: "ir_cron",
	}
	metricCronsDeactivated = &collectors.Metric{
		Name: "odoo_crons_deactivated_total", Type: collectors.Counter,
		Help: "Scheduled tasks that were active at one visit and not at the next", Source: "ir_cron.active",
	}
)

// Jobs of queue_job.
var (
	metricJobs = &collectors.Metric{
		Name: "odoo_jobs", Labels: []string{"channel", "state"},
		Help: "Jobs that are not finished", Source: "queue_job",
	}
	metricJobOldest = &collectors.Metric{
		Name: "odoo_job_oldest_runnable_timestamp_seconds", Unit: "seconds",
		Help: "Since when the longest waiting job could run, 0 if none waits", Source: "queue_job.eta, queue_job.date_created",
	}
	metricJobsStuck = &collectors.Metric{
		Name: "odoo_jobs_stuck",
		Help: "Jobs that have been enqueued or started for longer than any should be", Source: "queue_job.date_enqueued, queue_job.date_started",
	}
	metricChannelBlocked = &collectors.Metric{
		Name: "odoo_job_channel_blocked", Labels: []string{"channel"},
		Help: "Whether stuck jobs take up all that a channel may run", Source: "queue_job, configured capacity",
	}
	metricJobsFailed = &collectors.Metric{
		Name: "odoo_jobs_failed_in_window", Labels: []string{"channel"},
		Help: "Jobs among the newest ones whose last try was within the last hour and failed", Source: "queue_job",
	}
	metricJobsRetrying = &collectors.Metric{
		Name: "odoo_jobs_retrying",
		Help: "Jobs that failed at least once and are not finished", Source: "queue_job.retry",
	}
	metricJobsFinished = &collectors.Metric{
		Name: "odoo_jobs_finished_total", Type: collectors.Counter, Labels: []string{"channel", "state"},
		Help: "Jobs seen to end as done, failed or cancelled", Source: "queue_job.date_done, queue_job.date_cancelled, queue_job.date_started",
	}
	metricJobFailures = &collectors.Metric{
		Name: "odoo_job_failures_total", Type: collectors.Counter, Labels: []string{"channel", "exception"},
		Help: "Jobs seen to fail, by the class of the error where it is one that is told apart", Source: "queue_job.exc_name",
	}
	metricJobRetries = &collectors.Metric{
		Name: "odoo_job_retries_total", Type: collectors.Counter, Labels: []string{"channel"},
		Help: "Tries beyond the first of jobs seen to end", Source: "queue_job.retry",
	}
	metricJobWait = &collectors.Metric{
		Name: "odoo_job_wait_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"channel"},
		Help: "How long jobs seen to end had waited for their last try", Source: "queue_job.date_started, queue_job.eta, queue_job.date_created",
	}
	metricJobRun = &collectors.Metric{
		Name: "odoo_job_execution_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"channel"},
		Help: "How long jobs seen to end were executed", Source: "queue_job.exec_time",
	}
	metricJobRunners = &collectors.Metric{
		Name: "odoo_job_runners",
		Help: "Job runners at work on the tenant's database; more than one start jobs twice", Source: "pg_stat_activity, pg_locks",
	}
	metricJobRunner = &collectors.Metric{
		Name: "odoo_job_runner_present",
		Help: "Whether a job runner is connected to the tenant's database", Source: "pg_stat_activity, pg_locks",
	}
)

// Outgoing mail, and what was not looked at.
var (
	metricMails = &collectors.Metric{
		Name: "odoo_mails", Labels: []string{"state"},
		Help: "Mails that wait to be sent, are scheduled for later, or were given up", Source: "mail_mail",
	}
	metricMailExceptions = &collectors.Metric{
		Name: "odoo_mail_exceptions", Labels: []string{"failure_type"},
		Help: "Mails that were given up, by the kind of failure; Odoo does not try them again", Source: "mail_mail.failure_type",
	}
	metricMailOldest = &collectors.Metric{
		Name: "odoo_mail_oldest_outgoing_timestamp_seconds", Unit: "seconds",
		Help: "Since when the longest waiting mail could be sent, 0 if none waits", Source: "mail_mail.scheduled_date, mail_mail.create_date",
	}
	metricMailInServers = &collectors.Metric{
		Name: "odoo_mail_in_servers",
		Help: "Confirmed, active servers from which mail is fetched", Source: "fetchmail_server",
	}
	metricMailInNever = &collectors.Metric{
		Name: "odoo_mail_in_servers_never_fetched",
		Help: "Of these, those from which mail was never fetched", Source: "fetchmail_server.date",
	}
	metricMailInOldest = &collectors.Metric{
		Name: "odoo_mail_in_last_fetch_timestamp_seconds", Unit: "seconds",
		Help: "When mail was last fetched from the server where that is longest ago; absent where it never was", Source: "fetchmail_server.date",
	}
	metricMailServers = &collectors.Metric{
		Name: "odoo_mail_out_servers",
		Help: "Active servers over which mail can leave, without those that neutralizing puts there; with none Odoo takes the one of its configuration", Source: "ir_mail_server",
	}
	metricNotices = &collectors.Metric{
		Name: "odoo_mail_notifications", Labels: []string{"status"},
		Help: "Notifications that bounced or could not be sent; they stay for months", Source: "mail_notification.notification_status",
	}
	metricWindowFull = &collectors.Metric{
		Name: "odoo_window_full", Labels: []string{"indicator"},
		Help: "Whether there was more than is looked at on one visit, so that the indicator may count too little", Source: "ir_cron, queue_job, mail_mail",
	}
)

// Business work.
var (
	metricWork = &collectors.Metric{
		Name: "odoo_backlog", Labels: []string{"work"},
		Help: "Pieces of business work that wait or have failed, by kind; only kinds whose tables the tenant has", Source: "account_move, account_invoice, sale_order, account_edi_document, edi_exchange_record, purchase_order, tier_review, resource_booking, calendar_event, stock_picking",
	}
	metricWorkOldest = &collectors.Metric{
		Name: "odoo_backlog_oldest_timestamp_seconds", Unit: "seconds", Labels: []string{"work"},
		Help: "Since when the oldest piece of a kind of business work waits, 0 if none does", Source: "the same tables",
	}
	metricApproval = &collectors.Metric{
		Name: "odoo_purchase_approval_seconds", Type: collectors.Histogram, Unit: "seconds",
		Help: "How long purchases seen to be approved took from being made", Source: "purchase_order.date_approve, purchase_order.create_date",
	}
	metricReview = &collectors.Metric{
		Name: "odoo_tier_review_seconds", Type: collectors.Histogram, Unit: "seconds",
		Help: "How long reviews seen to be decided took from being asked for", Source: "tier_review.reviewed_date, tier_review.create_date",
	}
	metricPartnerCalls = &collectors.Metric{
		Name: "odoo_partner_api_calls_total", Type: collectors.Counter, Labels: []string{"collection", "state"},
		Help: "Calls of partners' systems, by collection of services and whether they failed", Source: "rest_log.state",
	}
	metricPartnerDuration = &collectors.Metric{
		Name: "odoo_partner_api_duration_seconds", Type: collectors.Histogram, Unit: "seconds", Labels: []string{"collection"},
		Help: "How long calls of partners' systems took", Source: "rest_log.exec_time",
	}
)

// The login page.
var (
	metricLoginChecks = &collectors.Metric{
		Name: "odoo_login_checks_total", Type: collectors.Counter, Labels: []string{"outcome"},
		Help: "Checks of a tenant's login page by what came back", Source: "GET /web/login",
	}
	metricLoginSuccess = &collectors.Metric{
		Name: "odoo_login_success",
		Help: "Whether the last check got the tenant's login page", Source: "GET /web/login",
	}
	metricLoginDuration = &collectors.Metric{
		Name: "odoo_login_duration_seconds", Unit: "seconds",
		Help: "How long the login page took, from a warm worker; absent where the last check did not get it", Source: "GET /web/login",
	}
	metricLoginColdStarts = &collectors.Metric{
		Name: "odoo_login_cold_starts_total", Type: collectors.Counter,
		Help: "Checks that found the tenant not in the worker's memory: slow at first, fast when asked again at once", Source: "GET /web/login",
	}
	metricLoginColdDuration = &collectors.Metric{
		Name: "odoo_login_cold_start_duration_seconds", Unit: "seconds",
		Help: "How long the last cold start took", Source: "GET /web/login",
	}
	metricSessionChecks = &collectors.Metric{
		Name: "odoo_session_checks_total", Type: collectors.Counter, Labels: []string{"outcome"},
		Help: "Checks with a signed-in user's session by how a simple call ended", Source: "POST /web/dataset/call_kw/res.users/search_count",
	}
	metricSessionSuccess = &collectors.Metric{
		Name: "odoo_session_success",
		Help: "Whether the last call with a signed-in user's session was answered", Source: "POST /web/dataset/call_kw/res.users/search_count",
	}
	metricSessionDuration = &collectors.Metric{
		Name: "odoo_session_call_duration_seconds", Unit: "seconds",
		Help: "How long the last call with a session took; absent where it was not answered", Source: "POST /web/dataset/call_kw/res.users/search_count",
	}
	metricSessionLogins = &collectors.Metric{
		Name: "odoo_session_logins_total", Type: collectors.Counter,
		Help: "Logins tried for the checks with a session", Source: "POST /web/session/authenticate",
	}
	metricWebsocket = &collectors.Metric{
		Name: "odoo_websocket_health",
		Help: "Whether websockets, or the long polls of series before 16, are served for the tenant's host", Source: "GET /websocket/health, /longpolling/health",
	}
	metricPlannedChecks = &collectors.Metric{
		Name: "odoo_login_planned_checks_per_hour",
		Help: "Login checks planned per hour on this service", Source: "plan of login checks",
	}
	metricPlannedTenants = &collectors.Metric{
		Name: "odoo_login_planned_tenants_per_hour",
		Help: "Distinct tenants whose login page is checked within an hour on this service", Source: "plan of login checks",
	}
	metricRegistryLimit = &collectors.Metric{
		Name: "odoo_login_registry_limit",
		Help: "Tenants that one worker of this service holds in memory, as configured", Source: "configuration",
	}
)

// Metrics is the catalogue of everything that this package emits.
func Metrics() collectors.Catalogue {
	own := collectors.Catalogue{
		metricTenantInfo, metricDatabaseFingerprint, metricCopies, metricRoleSeries, metricStrangers, metricForeignAddress,
		metricModulesPending, metricCronsBlocked, metricCrons, metricCronsFailing, metricCronOldestOverdue, metricCronDue,
		metricCronFailures, metricCronFailingSince, metricCronsNotShown, metricCronsDeactivated,
		metricCronOldestRunning, metricCronRunning,
		metricJobs, metricJobOldest, metricJobsStuck, metricChannelBlocked, metricJobsFailed, metricJobRunner,
		metricJobsRetrying, metricJobsFinished, metricJobFailures, metricJobRetries, metricJobWait, metricJobRun, metricJobRunners,
		metricMails, metricMailExceptions, metricMailOldest, metricWindowFull,
		metricMailInServers, metricMailInNever, metricMailInOldest, metricMailServers, metricNotices,
		metricWork, metricWorkOldest, metricApproval, metricReview, metricPartnerCalls, metricPartnerDuration,
		metricBus, metricBusOldest, metricPresence, metricLogins, metricUsers, metricAttachments, metricAttachmentBytes,
		metricLoginChecks, metricLoginSuccess, metricLoginDuration, metricLoginColdStarts, metricLoginColdDuration,
		metricSessionChecks, metricSessionSuccess, metricSessionDuration, metricSessionLogins, metricWebsocket,
		metricPlannedChecks, metricPlannedTenants, metricRegistryLimit,
	}
	return collectors.Merge(own, odoolog.Metrics(), postgres.InsideMetrics())
}
