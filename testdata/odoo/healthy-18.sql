-- What only series 18 has.
UPDATE ir_cron SET failure_count = 0;
INSERT INTO ir_cron_progress (cron_id, done, remaining, timed_out_counter, deactivate)
SELECT id, 1, 0, 0, false FROM ir_cron WHERE active;
INSERT INTO res_company (name, partner_id, currency_id, layout_background, fiscalyear_last_day, fiscalyear_last_month,
    account_price_include, account_opening_date, po_lead)
VALUES ('Clinic', 1, 1, 'Blank', 31, '12', 'tax_excluded', '2026-01-01', 0);
