-- Once per cluster, as a superuser, on the primary. Running it again changes nothing.
DO $wardround$ BEGIN
  CREATE ROLE "wardround";
EXCEPTION WHEN duplicate_object THEN NULL;
END $wardround$;
-- The default budget of connections, and some to look around with.
ALTER ROLE "wardround" LOGIN CONNECTION LIMIT 5;
-- Statistics of every session and database, and no table of anybody's.
GRANT pg_monitor TO "wardround";
GRANT CONNECT ON DATABASE postgres TO "wardround";
-- The same bounds that Wardround sets for its own sessions, for whoever else uses the role.
ALTER ROLE "wardround" SET default_transaction_read_only = on;
ALTER ROLE "wardround" SET statement_timeout = '3s';
ALTER ROLE "wardround" SET lock_timeout = '200ms';
ALTER ROLE "wardround" SET idle_in_transaction_session_timeout = '10s';
-- Give the role a password in psql, so that it appears in no log: \password "wardround"
