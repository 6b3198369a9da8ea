-- Once per cluster, as superuser: a role that can read statistics, and little else at a time.
CREATE ROLE :role: LOGIN PASSWORD ':password:' CONNECTION LIMIT 5 IN ROLE pg_monitor;
ALTER ROLE :role: SET default_transaction_read_only = on;
ALTER ROLE :role: SET statement_timeout = '3s';
ALTER ROLE :role: SET lock_timeout = '200ms';
ALTER ROLE :role: SET idle_in_transaction_session_timeout = '5s';
