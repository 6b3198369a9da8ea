-- Makes a copy of the template a tenant of its own, as of now: crons have run and are due again later, jobs were done
-- within the last hour. All times are UTC without a zone, as Odoo writes them.
UPDATE ir_config_parameter SET value = gen_random_uuid()::text WHERE key = 'database.uuid';
UPDATE ir_config_parameter SET value = 'http://' || replace(current_database(), '_', '-') || '.example.test' WHERE key = 'web.base.url';

-- Crons start between 2 minutes and one interval from now, in steps that differ from cron to cron.
UPDATE ir_cron SET
    nextcall = date_trunc('second', now() AT TIME ZONE 'UTC') + greatest('2 minutes', (id % 9 + 1) * 0.1 * step),
    lastcall = date_trunc('second', now() AT TIME ZONE 'UTC') + greatest('2 minutes', (id % 9 + 1) * 0.1 * step) - step
FROM (SELECT id AS step_id, (interval_number || ' ' || interval_type)::interval AS step FROM ir_cron) s WHERE s.step_id = id;

UPDATE queue_job SET
    date_created = done - interval '9 seconds', date_enqueued = done - interval '4 seconds',
    date_started = done - interval '3 seconds', date_done = CASE state WHEN 'done' THEN done END
FROM (SELECT id AS job_id, (now() AT TIME ZONE 'UTC') - CASE state WHEN 'failed' THEN interval '3 days' ELSE (62 - id) * interval '55 seconds' END AS done
      FROM queue_job) d WHERE d.job_id = id;

UPDATE mail_message SET date = now() AT TIME ZONE 'UTC' - (101 - id) * interval '12 minutes', create_date = now() AT TIME ZONE 'UTC' - (101 - id) * interval '12 minutes';
UPDATE mail_mail SET create_date = now() AT TIME ZONE 'UTC' - (101 - id) * interval '12 minutes';
UPDATE bus_presence SET last_poll = now() AT TIME ZONE 'UTC' - id * interval '10 seconds', last_presence = now() AT TIME ZONE 'UTC' - id * interval '1 minute';
UPDATE bus_bus SET create_date = now() AT TIME ZONE 'UTC' - id * interval '15 seconds';
UPDATE res_users_log SET create_date = now() AT TIME ZONE 'UTC' - id * interval '20 minutes';
UPDATE ir_attachment SET create_date = now() AT TIME ZONE 'UTC' - id * interval '6 hours';
UPDATE account_move SET create_date = now() AT TIME ZONE 'UTC' - id * interval '3 hours', date = current_date - id, invoice_date = current_date - id;
