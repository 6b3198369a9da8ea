-- What a healthy tenant holds, in columns that both series have. Times are set by clock.sql, when a tenant is made.

INSERT INTO res_users (company_id, partner_id, active, login, share, notification_type)
SELECT 1, n + 2, n <> 7, 'user' || n, n = 6, 'email' FROM generate_series(1, 7) n;

INSERT INTO res_users_log (create_uid) SELECT n % 5 + 1 FROM generate_series(1, 25) n;
INSERT INTO bus_presence (user_id, status) VALUES (1, 'online'), (2, 'online'), (3, 'away'), (4, 'offline');
INSERT INTO bus_bus (channel, message) SELECT 'broadcast', '{}' FROM generate_series(1, 5);

INSERT INTO ir_module_module (name, state)
SELECT name, 'installed' FROM unnest(ARRAY['base', 'web', 'bus', 'mail', 'sms', 'calendar', 'digest', 'account',
    'account_edi', 'payment', 'sale', 'purchase', 'stock', 'base_automation', 'queue_job', 'queue_job_cron', 'clinic']) name
UNION ALL
SELECT name, 'uninstalled' FROM unnest(ARRAY['website', 'project', 'hr', 'point_of_sale', 'mrp']) name
UNION ALL VALUES ('theme_default', 'uninstallable');
UPDATE ir_module_module m SET latest_version = series.number || CASE m.name WHEN 'base' THEN '.1.3' ELSE '.1.0' END
FROM series WHERE m.state = 'installed';

INSERT INTO ir_config_parameter (key, value)
SELECT 'database.uuid', gen_random_uuid()::text UNION ALL VALUES
    ('database.secret', 'not-a-secret-of-anybody'), ('database.create_date', '2026-01-15 08:00:00'),
    ('web.base.url', 'http://localhost'), ('web.base.url.freeze', 'True'), ('mail.catchall.domain', 'example.test');

INSERT INTO ir_mail_server (name, smtp_host, smtp_port, active, sequence, smtp_encryption, smtp_authentication)
VALUES ('Outgoing', 'smtp.example.test', 587, true, 10, 'starttls', 'login');

-- Crons: the standard ones with their default intervals, two of the clinic's own, and one that a user made (no xmlid).
CREATE TEMPORARY TABLE wanted (
    module varchar, xmlid varchar, name varchar, number int, unit varchar, active bool, position serial
);
INSERT INTO wanted (module, xmlid, name, number, unit, active) VALUES
    ('base', 'autovacuum_job', 'Base: Auto-vacuum internal data', 1, 'days', true),
    ('base', 'ir_cron_res_users_deletion', 'Base: Portal Users Deletion', 1, 'days', true),
    ('mail', 'ir_cron_mail_scheduler_action', 'Mail: Email Queue Manager', 1, 'hours', true),
    ('mail', 'ir_cron_mail_gateway_action', 'Mail: Fetchmail Service', 5, 'minutes', false),
    ('mail', 'ir_cron_delete_notification', 'Notification: Delete Notifications older than 6 Month', 1, 'days', true),
    ('mail', 'ir_cron_send_scheduled_message', 'Notification: Notify scheduled messages', 1, 'hours', true),
    ('mail', 'ir_cron_module_update_notification', 'Publisher: Update Notification', 1, 'weeks', true),
    ('mail', 'ir_cron_web_push_notification', 'Mail: send web push notification', 1, 'days', true),
    ('sms', 'ir_cron_sms_scheduler_action', 'SMS: SMS Queue Manager', 1, 'hours', true),
    ('calendar', 'ir_cron_scheduler_alarm', 'Calendar: Event Reminder', 1, 'days', true),
    ('digest', 'ir_cron_digest_scheduler_action', 'Digest Emails', 1, 'days', true),
    ('account', 'ir_cron_auto_post_draft_entry', 'Account: Post draft entries up to today', 1, 'days', true),
    ('account', 'ir_cron_account_move_send', 'Send invoices automatically', 1, 'days', true),
    ('account_edi', 'ir_cron_edi_network', 'EDI: Perform web services operations', 1, 'days', true),
    ('payment', 'cron_post_process_payment_tx', 'payment: post-process transactions', 10, 'minutes', true),
    ('sale', 'send_invoice_cron', 'automatic invoicing: send ready invoice', 1, 'days', true),
    ('purchase', 'purchase_send_reminder_mail', 'Purchase reminder', 1, 'days', true),
    ('stock', 'ir_cron_scheduler_action', 'Procurement: run scheduler', 1, 'days', true),
    ('base_automation', 'ir_cron_data_base_automation_check', 'Automation Rules: check and execute', 4, 'hours', false),
    ('queue_job', 'ir_cron_autovacuum_queue_jobs', 'AutoVacuum Job Queue', 1, 'days', true),
    ('queue_job', 'ir_cron_queue_job_garbage_collector', 'Jobs Garbage Collector', 5, 'minutes', true),
    ('clinic', 'ir_cron_lab_results', 'HL7: pull lab results', 15, 'minutes', true),
    ('clinic', 'ir_cron_claims_export', 'Claims: export to the clearing house', 30, 'minutes', true),
    (NULL, NULL, 'Nightly figures', 1, 'days', true);
INSERT INTO ir_act_server (name, type, binding_type, model_id, usage, state, code)
SELECT jsonb_build_object('en_US', name), 'ir.actions.server', 'action', 1, 'ir_cron', 'code', 'model.run()'
FROM wanted ORDER BY position;
INSERT INTO ir_cron (ir_actions_server_id, user_id, cron_name, interval_number, interval_type, active, priority, nextcall)
SELECT a.id, 1, w.name, w.number, w.unit, w.active, 5, '2026-01-15'
FROM wanted w JOIN ir_act_server a ON a.name ->> 'en_US' = w.name ORDER BY position;
INSERT INTO ir_model_data (module, name, model, res_id)
SELECT w.module, w.xmlid, 'ir.cron', c.id FROM wanted w JOIN ir_cron c ON c.cron_name = w.name WHERE w.module IS NOT NULL;
INSERT INTO ir_model_data (module, name, model, res_id) VALUES ('base', 'main_company', 'res.company', 1);
DROP TABLE wanted;

-- Jobs: channels as they are configured, sixty done within the last hour, one old failure.
INSERT INTO queue_job_channel (parent_id, name, complete_name, removal_interval) VALUES
    (NULL, 'root', 'root', 30), (1, 'invoice', 'root.invoice', 30), (1, 'partner_api', 'root.partner_api', 30), (1, 'lab', 'root.lab', 30);
INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, func_string, priority, retry, max_retries,
    company_id, user_id, exec_time)
SELECT gen_random_uuid()::text, CASE n WHEN 1 THEN 'failed' ELSE 'done' END,
    (ARRAY['root.invoice', 'root.partner_api', 'root.lab'])[n % 3 + 1],
    (ARRAY['account.move', 'res.partner', 'clinic.result'])[n % 3 + 1],
    (ARRAY['send_invoice', 'push_to_partner', 'import_result'])[n % 3 + 1],
    'Job', 'job()', 10, CASE n WHEN 1 THEN 5 ELSE 1 END, 5, 1, 1, CASE n WHEN 1 THEN NULL ELSE n % 7 * 0.4 + 0.1 END
FROM generate_series(1, 61) n;
UPDATE queue_job SET exc_name = 'requests.exceptions.ReadTimeout', exc_message = 'timed out', exc_info = 'Traceback'
WHERE state = 'failed';

-- Mail: what was sent stays for a while; a hundred notifications, two of them bounced.
INSERT INTO mail_message (message_type, subject, body, model, res_id, email_from)
SELECT 'email', 'Subject', 'Body', 'account.move', n, 'clinic@example.test' FROM generate_series(1, 100) n;
INSERT INTO mail_mail (mail_message_id, state, email_to, body_html, is_notification, auto_delete)
SELECT id, 'sent', 'somebody@example.test', 'Body', true, false FROM mail_message;
INSERT INTO mail_notification (mail_message_id, mail_mail_id, res_partner_id, notification_type, notification_status)
SELECT m.id, mm.id, 3, 'email', CASE WHEN m.id <= 2 THEN 'bounce' ELSE 'sent' END
FROM mail_message m JOIN mail_mail mm ON mm.mail_message_id = m.id;

INSERT INTO ir_attachment (name, type, file_size, store_fname, mimetype)
SELECT 'file' || n, 'binary', n * 1000, 'ab/' || md5(n::text), 'application/pdf' FROM generate_series(1, 30) n;
INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, payment_state)
SELECT 'INV/' || n, 1, 1, CASE WHEN n <= 3 THEN 'draft' ELSE 'posted' END, 'out_invoice', 'no', '2026-01-15', 1, 'not_paid'
FROM generate_series(1, 40) n;
