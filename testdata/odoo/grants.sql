-- In every tenant database: column by column what a monitor needs. No names, bodies, addresses or secrets. Idempotent;
-- columns that this database does not have are left out.
DO $$
DECLARE
    r record;
    cols text;
BEGIN
    FOR r IN SELECT * FROM (VALUES
            ('ir_cron',
                'id, cron_name, active, interval_number, interval_type, nextcall, lastcall, priority, '
                'numbercall, doall, failure_count, first_failure_date, user_id, run_as_queue_job'),
            ('ir_cron_trigger', 'id,cron_id,call_at'),
            ('ir_cron_progress', 'id,cron_id,done,remaining,timed_out_counter,deactivate,create_date,write_date'),
            ('queue_job',
                'id, uuid, state, channel, model_name, method_name, date_created, date_enqueued, '
                'date_started, date_done, date_cancelled, eta, exec_time, retry, max_retries, priority, '
                'exc_name, company_id, worker_pid, graph_uuid, identity_key'),
            ('queue_job_lock', 'id,queue_job_id'),
            ('queue_job_channel', 'id,complete_name,removal_interval'),
            ('mail_mail',
                'id, state, failure_type, create_date, scheduled_date, is_notification, auto_delete, '
                'fetchmail_server_id'),
            ('mail_notification', 'id,notification_type,notification_status,failure_type,mail_mail_id'),
            ('fetchmail_server', 'id,name,active,state,date,server_type'),
            ('ir_mail_server', 'id,name,active,sequence,smtp_host'),
            ('ir_module_module', 'id,name,state,latest_version,published_version'),
            ('ir_config_parameter', 'id,key'),
            ('ir_logging', 'id,create_date,type,dbname,level,name'),
            ('res_users', 'id,active,share'),
            ('res_users_log', 'id,create_uid,create_date'),
            ('res_company', 'id,active'),
            ('bus_bus', 'id,create_date'),
            ('bus_presence', 'id,status,last_poll,last_presence'),
            ('ir_attachment', 'id,file_size,store_fname,create_date,type'),
            ('account_move',
                'id, state, move_type, journal_id, auto_post, date, invoice_date, create_date, '
                'write_date, payment_state, edi_state, is_move_sent, company_id, sending_data, '
                'send_and_print_values'),
            ('account_edi_document', 'id,state,blocking_level,edi_format_id,create_date,write_date,move_id'),
            ('purchase_order', 'id,state,create_date,date_order,date_approve,date_planned,company_id,invoice_status'),
            ('sale_order', 'id,state,create_date,date_order,invoice_status,company_id'),
            ('stock_picking', 'id,state,scheduled_date,date_deadline,create_date,date_done,picking_type_id,company_id'),
            ('calendar_event',
                'id, create_date, start, stop, active, allday, appointment_type_id, appointment_status, '
                'res_model'),
            ('resource_booking', 'id,state,active,create_date,start,stop'),
            ('tier_review', 'id,status,model,create_date,reviewed_date,sequence'),
            ('rest_log', 'id,collection,state,severity,exec_time,create_date,request_method'),
            ('base_automation', 'id,active,last_run,trigger'),
            ('mail_message', 'id,model,res_id,date,message_type,create_date'),
            ('mail_tracking_value', 'id,mail_message_id,field_id,field,new_value_char,old_value_char'),
            ('ir_model_fields', 'id,name,model'),
            ('ir_model_data', 'module,name,model,res_id')
    ) v (tab, list)
    LOOP
        SELECT string_agg(format('%I', attname), ',') INTO cols FROM pg_attribute
        WHERE attrelid = to_regclass('public.' || r.tab) AND attnum > 0 AND NOT attisdropped
            AND attname = ANY (regexp_split_to_array(r.list, ', ?'));
        IF cols IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON public.%I TO %s', cols, r.tab, ':role:');
        END IF;
    END LOOP;
END $$;

-- The few parameters that a monitor needs, without the others: secrets live in that table.
CREATE SCHEMA IF NOT EXISTS :role:;
CREATE OR REPLACE FUNCTION :role:.param(k text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $f$
    SELECT value FROM public.ir_config_parameter
    WHERE key = k AND k IN ('database.uuid', 'database.create_date', 'database.is_neutralized',
        'database.expiration_date', 'web.base.url')
$f$;
REVOKE ALL ON FUNCTION :role:.param(text) FROM public;
GRANT USAGE ON SCHEMA :role: TO :role:;
GRANT EXECUTE ON FUNCTION :role:.param(text) TO :role:;
