-- A worker died in a job: it stays started for ever and blocks its channel of capacity 1, with 39 jobs behind it.
INSERT INTO queue_job (uuid, state, channel, model_name, method_name, name, priority, retry, max_retries, company_id, user_id,
    worker_pid, date_created, date_enqueued, date_started)
SELECT gen_random_uuid()::text, CASE n WHEN 0 THEN 'started' ELSE 'pending' END, 'root.invoice', 'account.move', 'send_invoice',
    'Job', 10, 0, 5, 1, 1, CASE n WHEN 0 THEN 4242 END,
    now() AT TIME ZONE 'UTC' - interval '5 hours' + n * interval '7 minutes',
    CASE n WHEN 0 THEN now() AT TIME ZONE 'UTC' - interval '5 hours' END,
    CASE n WHEN 0 THEN now() AT TIME ZONE 'UTC' - interval '5 hours' END
FROM generate_series(0, 39) n;
