-- After five failures over seven days Odoo 18 deactivates a cron and forgets its failures.
UPDATE ir_cron SET active = false, failure_count = 0, first_failure_date = NULL, lastcall = now() AT TIME ZONE 'UTC' - interval '2 days'
WHERE cron_name = 'Claims: export to the clearing house';
