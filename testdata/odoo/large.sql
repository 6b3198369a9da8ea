-- A tenant with a long past: {jobs} jobs, {invoices} invoices, {mails} mails, of which a few are live, as on a busy day.
SET synchronous_commit = off;
INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, func_string, priority, retry, max_retries, company_id, user_id,
    exc_name, exc_message, exc_info, date_created, date_enqueued, date_started, date_done, exec_time)
SELECT 'large' || n, s.state, (ARRAY['root.invoice', 'root.partner_api', 'root.lab', 'root'])[n % 4 + 1],
    'account.move', 'send_invoice', 'A job with a name', 'account.move(' || n || ',).send_invoice()', 10, 0, 5, 1, 1,
    CASE s.state WHEN 'failed' THEN 'requests.exceptions.ReadTimeout' END, CASE s.state WHEN 'failed' THEN 'timed out' END,
    CASE s.state WHEN 'failed' THEN repeat('Traceback ', 40) END,
    at, at + interval '1 second', CASE WHEN s.state <> 'pending' THEN at + interval '2 seconds' END,
    CASE s.state WHEN 'done' THEN at + interval '3 seconds' END, CASE s.state WHEN 'done' THEN 1.0 END
FROM generate_series(1, {jobs}) n,
    LATERAL (SELECT now() AT TIME ZONE 'utc' - ({jobs} - n) * interval '2 seconds' AS at) t,
    LATERAL (SELECT CASE WHEN n > {jobs} - 1000 AND n % 2 = 0 THEN 'pending' WHEN n % 40 = 0 THEN 'failed' ELSE 'done' END AS state) s;
INSERT INTO account_move (name, ref, journal_id, currency_id, state, move_type, auto_post, date, invoice_date, company_id, payment_state,
    partner_id, access_token, invoice_partner_display_name, narration, amount_total, create_date, write_date)
SELECT 'LARGE/' || n, 'Reference ' || n, n % 3 + 1, 1, CASE WHEN n % 200 = 0 THEN 'draft' ELSE 'posted' END,
    (ARRAY['out_invoice', 'in_invoice', 'entry'])[n % 3 + 1], CASE WHEN n % 400 = 0 THEN 'at_date' ELSE 'no' END,
    current_date - ({invoices} - n) / 500, current_date - ({invoices} - n) / 500, 1, 'paid', n % 5000, md5(n::text), 'Somebody', 'Text', 100, at, at
FROM generate_series(1, {invoices}) n, LATERAL (SELECT now() AT TIME ZONE 'utc' - ({invoices} - n) * interval '3 minutes' AS at) t;
INSERT INTO mail_message (message_type, subject, body, model, res_id, date, create_date)
SELECT 'email', 'Subject ' || n, repeat('Body ', 20), 'account.move', n, at, at
FROM generate_series(1, {mails}) n, LATERAL (SELECT now() AT TIME ZONE 'utc' - ({mails} - n) * interval '1 minute' AS at) t;
INSERT INTO mail_mail (mail_message_id, state, failure_type, email_to, body_html, create_date, is_notification)
SELECT id, CASE WHEN id % 1000 = 0 THEN 'exception' WHEN id % 100 = 0 AND id > {mails} - 5000 THEN 'outgoing' ELSE 'sent' END, 'mail_smtp',
    'somebody@example.test', repeat('Body ', 20), create_date, true
FROM mail_message;
INSERT INTO mail_notification (mail_message_id, res_partner_id, notification_type, notification_status)
SELECT id, 3, 'email', CASE WHEN id % 500 = 0 THEN 'bounce' ELSE 'sent' END FROM mail_message ON CONFLICT DO NOTHING;
INSERT INTO ir_attachment (name, type, file_size, store_fname, res_model, res_id, mimetype)
SELECT 'file' || n, 'binary', n % 100000, 'ab/' || md5(n::text), 'account.move', n, 'application/pdf' FROM generate_series(1, {invoices} / 2) n;
INSERT INTO purchase_order (name, partner_id, currency_id, company_id, picking_type_id, state, date_order, date_approve, create_date)
SELECT 'P' || n, 1, 1, 1, 1, CASE WHEN n % 500 = 0 THEN 'to approve' ELSE 'purchase' END, at, at, at
FROM generate_series(1, {invoices} / 6) n, LATERAL (SELECT now() AT TIME ZONE 'utc' - n * interval '10 minutes' AS at) t;
INSERT INTO stock_picking (location_id, location_dest_id, picking_type_id, state, move_type, scheduled_date, create_date)
SELECT 1, 1, 1, CASE WHEN n % 300 = 0 THEN 'assigned' ELSE 'done' END, 'direct', at, at
FROM generate_series(1, {invoices} / 3) n, LATERAL (SELECT now() AT TIME ZONE 'utc' - n * interval '10 minutes' AS at) t;
INSERT INTO sale_order (company_id, name, state, invoice_status, date_order, create_date)
SELECT 1, 'S' || n, 'sale', CASE WHEN n % 100 = 0 THEN 'to invoice' ELSE 'invoiced' END, at, at
FROM generate_series(1, {invoices} / 3) n, LATERAL (SELECT now() AT TIME ZONE 'utc' - n * interval '10 minutes' AS at) t;
INSERT INTO rest_log (collection, state, exec_time, create_date, params, result)
SELECT 'clinic.services.lab', 'success', 0.2, now() AT TIME ZONE 'utc', '{}', '{}' FROM generate_series(1, {mails}) n;
