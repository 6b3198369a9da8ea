-- Which of the tables are there, with which of the columns, and what of them we may read; and, in
-- rows without a table, what else we are allowed and which database this is. The object ids are those
-- of tables under whose ids the server counts what is written: that of a table with parts is counted
-- under those of the parts.
SELECT c.relname, a.attname, format_type(a.atttypid, NULL), has_column_privilege(c.oid, a.attnum, 'SELECT'),
    CASE WHEN c.relkind = 'r' AND NOT c.relhassubclass AND current_setting('track_counts')::bool THEN c.oid END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relname IN ({tables}) AND a.attname IN ({columns})
UNION ALL
SELECT NULL, 'activity', NULL, pg_has_role('pg_read_all_stats', 'USAGE'), NULL
UNION ALL
SELECT NULL, 'database', NULL, NULL, d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()
UNION ALL
SELECT NULL, 'param', NULL, coalesce((
    SELECT has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'wardround' AND p.proname = 'param' AND p.proargtypes = '25'::oidvector), false), NULL
