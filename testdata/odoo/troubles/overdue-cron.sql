-- The cron worker does not come round to this tenant: results are pulled every 15 minutes and are 3 hours late.
UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '3 hours', lastcall = now() AT TIME ZONE 'UTC' - interval '3 hours 15 minutes'
WHERE cron_name = 'HL7: pull lab results';
