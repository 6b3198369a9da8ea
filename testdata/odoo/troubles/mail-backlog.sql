-- Mails leave too slowly: 240 wait, the oldest for 4 hours, and 12 were refused.
WITH message AS (
    INSERT INTO mail_message (message_type, subject, body, model, res_id, date, create_date)
    SELECT 'email', 'Subject', 'Body', 'account.move', n, now() AT TIME ZONE 'UTC' - n * interval '1 minute', now() AT TIME ZONE 'UTC' - n * interval '1 minute'
    FROM generate_series(1, 252) n RETURNING id, res_id, create_date
)
INSERT INTO mail_mail (mail_message_id, state, failure_type, email_to, create_date, is_notification)
SELECT id, CASE WHEN res_id > 240 THEN 'exception' ELSE 'outgoing' END, CASE WHEN res_id > 240 THEN 'mail_smtp' END,
    'somebody@example.test', create_date, true
FROM message;
