-- Puts CANARY-7f3a into every text that a person may have written, so that a test can prove that none of it is shown.
-- All text columns count, but for those that hold technical names, states and keys.
INSERT INTO ir_cron (ir_actions_server_id, user_id, cron_name, interval_number, interval_type, active, priority, nextcall)
VALUES (1, 1, 'x', 1, 'days', true, 5, now() AT TIME ZONE 'UTC' - interval '1 hour');
INSERT INTO queue_job (uuid, state, channel, model_name, method_name, exc_name, date_created, date_started)
VALUES (gen_random_uuid()::text, 'failed', 'root.lab', 'clinic.result', 'import_result', 'odoo.exceptions.UserError',
    now() AT TIME ZONE 'UTC' - interval '1 minute', now() AT TIME ZONE 'UTC' - interval '30 seconds');
INSERT INTO mail_message (message_type, date) VALUES ('email', now() AT TIME ZONE 'UTC');
INSERT INTO mail_mail (mail_message_id, state, create_date)
VALUES (currval('mail_message_id_seq'), 'outgoing', now() AT TIME ZONE 'UTC' - interval '2 hours');
INSERT INTO ir_config_parameter (key, value) VALUES ('clinic.api_key', 'x');
INSERT INTO fetchmail_server (name, server_type, active, state) VALUES ('x', 'imap', true, 'done');
INSERT INTO ir_logging (name, type, level, message, path, func, line, dbname, create_date)
VALUES ('odoo.addons.clinic', 'server', 'ERROR', 'x', 'x', 'x', '1', current_database(), now() AT TIME ZONE 'UTC');
INSERT INTO calendar_event (name, privacy, show_as, start, stop, create_date)
VALUES ('x', 'public', 'busy', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' + interval '1 hour', now() AT TIME ZONE 'UTC');

DO $$
DECLARE c record;
BEGIN
    FOR c IN
        SELECT k.relname AS tab, a.attname AS col, t.typname AS typ,
            CASE WHEN a.atttypmod > 0 THEN a.atttypmod - 4 ELSE 200 END AS width
        FROM pg_attribute a JOIN pg_class k ON k.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
        WHERE k.relnamespace = 'public'::regnamespace AND k.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
            AND t.typname IN ('text', 'varchar', 'jsonb')
            AND a.attname NOT IN ('state', 'type', 'model', 'model_name', 'method_name', 'channel', 'complete_name', 'uuid',
                'exc_name', 'interval_type', 'failure_type', 'message_type', 'notification_type', 'notification_status',
                'latest_version', 'published_version', 'move_type', 'auto_post', 'payment_state', 'edi_state', 'usage',
                'binding_type', 'status', 'level', 'dbname', 'server_type', 'key', 'show_as', 'privacy', 'path', 'res_model', 'module',
                'sending_data', 'send_and_print_values', 'scheduled_date', 'smtp_encryption', 'smtp_authentication')
            AND (k.relname, a.attname) NOT IN (('ir_module_module', 'name'), ('ir_model_data', 'name'), ('ir_logging', 'name'),
                ('queue_job_channel', 'name'), ('queue_job_function', 'name'), ('ir_model_fields', 'name'))
    LOOP
        EXECUTE CASE
            WHEN c.tab = 'ir_config_parameter' THEN
                'UPDATE ir_config_parameter SET value = ''CANARY-7f3a'' WHERE key NOT LIKE ''database.%'''
            WHEN c.typ = 'jsonb' THEN format('UPDATE %I SET %I = ''{"en_US": "CANARY-7f3a"}''', c.tab, c.col)
            WHEN c.width < 30 THEN format('UPDATE %I SET %I = ''CANARY-7f3a''', c.tab, c.col)
            ELSE format('UPDATE %I SET %I = ''CANARY-7f3a '' || ctid::text', c.tab, c.col)
        END;
    END LOOP;
END $$;
