-- Work of the clinic's offices piles up, one or two pieces of each kind, all for some days.
INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, create_date)
SELECT 'Draft', 1, 1, 'draft', 'out_invoice', CASE n WHEN 1 THEN 'at_date' ELSE 'no' END, current_date - 5, 1,
    now() AT TIME ZONE 'UTC' - interval '5 days' FROM generate_series(1, 2) n;
INSERT INTO account_move (name, journal_id, currency_id, state, move_type, auto_post, date, company_id, create_date)
SELECT 'Draft', min(id), 1, 'draft', 'entry', 'at_date', current_date - 5, 1, now() AT TIME ZONE 'UTC' - interval '5 days'
FROM account_journal WHERE type <> 'sale';
INSERT INTO sale_order (company_id, name, state, invoice_status, date_order, create_date)
SELECT 1, 'S', 'sale', CASE n WHEN 3 THEN 'invoiced' ELSE 'to invoice' END, now() AT TIME ZONE 'UTC' - interval '8 days',
    now() AT TIME ZONE 'UTC' - interval '8 days' FROM generate_series(1, 3) n;
INSERT INTO account_edi_document (move_id, edi_format_id, state, blocking_level, create_date)
SELECT n, n, CASE n WHEN 5 THEN 'sent' ELSE 'to_send' END, CASE n WHEN 1 THEN 'error' WHEN 2 THEN 'warning' END,
    now() AT TIME ZONE 'UTC' - n * interval '2 days' FROM generate_series(1, 5) n;
INSERT INTO edi_exchange_record (edi_exchange_state, create_date)
SELECT s, now() AT TIME ZONE 'UTC' - interval '3 days' FROM unnest(ARRAY['output_pending', 'input_processed_error', 'input_processed']) s;
INSERT INTO purchase_order (name, partner_id, currency_id, company_id, picking_type_id, state, date_order, create_date)
SELECT 'P', 1, 1, 1, 1, 'to approve', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' - n * interval '3 days' FROM generate_series(1, 2) n;
INSERT INTO tier_review (status, model, res_id, create_date)
SELECT s, 'purchase.order', 1, now() AT TIME ZONE 'UTC' - interval '4 days' FROM unnest(ARRAY['pending', 'waiting', 'approved']) s;
INSERT INTO resource_booking (state, active, create_date)
SELECT s, true, now() AT TIME ZONE 'UTC' - interval '2 days' FROM unnest(ARRAY['pending', 'pending', 'scheduled', 'confirmed', 'canceled']) s;
INSERT INTO calendar_event (name, privacy, show_as, start, stop, create_date, appointment_status)
SELECT 'Visit', 'public', 'busy', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' - interval '30 hours', s
FROM unnest(ARRAY['request', 'booked', NULL]) s;
INSERT INTO stock_picking (location_id, location_dest_id, picking_type_id, state, move_type, scheduled_date)
SELECT 1, 1, 1, s, 'direct', now() AT TIME ZONE 'UTC' - interval '2 days' FROM unnest(ARRAY['assigned', 'confirmed', 'waiting', 'done', 'draft']) s;
INSERT INTO rest_log (collection, state, exec_time, request_url, params, create_date)
SELECT 'clinic.services', s, 0.2, '/x', '{}', now() AT TIME ZONE 'UTC' FROM unnest(ARRAY['success', 'failed']) s;
