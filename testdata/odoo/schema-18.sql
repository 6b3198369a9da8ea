-- The tables of an Odoo 18.0 database that a read-only monitor reads, with their columns, defaults and indexes as
-- recorded on a live one (base 18.0.1.3 with OCA/queue); foreign keys left out. ir_model_data is written from the
-- source of Odoo.

CREATE TABLE account_edi_document (
    id serial PRIMARY KEY, move_id int NOT NULL, edi_format_id int NOT NULL, attachment_id int, create_uid int,
    write_uid int, state varchar, blocking_level varchar, error text, create_date timestamp, write_date timestamp,
    CONSTRAINT account_edi_document_unique_edi_document_by_move_by_format UNIQUE (edi_format_id, move_id)
);

CREATE TABLE account_move (
    id serial PRIMARY KEY, sequence_number int, message_main_attachment_id int, journal_id int NOT NULL,
    company_id int, origin_payment_id int, statement_line_id int, tax_cash_basis_rec_id int,
    tax_cash_basis_origin_move_id int, auto_post_origin_id int, secure_sequence_number int,
    invoice_payment_term_id int, partner_id int, commercial_partner_id int, partner_shipping_id int,
    partner_bank_id int, fiscal_position_id int, preferred_payment_method_line_id int, currency_id int NOT NULL,
    reversed_entry_id int, invoice_user_id int, invoice_incoterm_id int, invoice_cash_rounding_id int,
    create_uid int, write_uid int, sequence_prefix varchar, access_token varchar, name varchar, ref varchar,
    state varchar NOT NULL, move_type varchar NOT NULL, auto_post varchar NOT NULL, inalterable_hash varchar,
    payment_reference varchar, qr_code_method varchar, payment_state varchar, invoice_source_email varchar,
    invoice_partner_display_name varchar, invoice_origin varchar, incoterm_location varchar, date date NOT NULL,
    auto_post_until date, invoice_date date, invoice_date_due date, delivery_date date, sending_data jsonb,
    narration text, invoice_currency_rate numeric, amount_untaxed numeric, amount_tax numeric, amount_total numeric,
    amount_residual numeric, amount_untaxed_signed numeric, amount_untaxed_in_currency_signed numeric,
    amount_tax_signed numeric, amount_total_signed numeric, amount_total_in_currency_signed numeric,
    amount_residual_signed numeric, quick_edit_total_amount numeric, is_storno bool, always_tax_exigible bool,
    checked bool, posted_before bool, made_sequence_gap bool, is_manually_modified bool, is_move_sent bool,
    create_date timestamp, write_date timestamp, edi_state varchar, stock_move_id int
);

CREATE TABLE base_automation (
    id serial PRIMARY KEY, model_id int NOT NULL, trg_selection_field_id int, trg_field_ref int, trg_date_id int,
    trg_date_range int, trg_date_calendar_id int, create_uid int, write_uid int, webhook_uuid varchar,
    record_getter varchar, trigger varchar NOT NULL, trg_date_range_type varchar, filter_pre_domain varchar,
    filter_domain varchar, name jsonb NOT NULL, description text, log_webhook_calls bool, active bool,
    last_run timestamp, create_date timestamp, write_date timestamp
);

CREATE TABLE bus_bus (
    id serial PRIMARY KEY, create_uid int, write_uid int, channel varchar, message varchar, create_date timestamp,
    write_date timestamp
);

CREATE TABLE bus_presence (
    id serial PRIMARY KEY, user_id int, status varchar, last_poll timestamp, last_presence timestamp, guest_id int,
    CONSTRAINT bus_presence_partner_or_guest_exists CHECK ((((user_id IS NOT NULL) AND (guest_id IS NULL)) OR ((user_id IS NULL) AND (guest_id IS NOT NULL))))
);

CREATE TABLE calendar_event (
    id serial PRIMARY KEY, user_id int, videocall_channel_id int, res_id int, res_model_id int, recurrence_id int,
    create_uid int, write_uid int, name varchar NOT NULL, location varchar, videocall_location varchar,
    access_token varchar, privacy varchar, show_as varchar NOT NULL, res_model varchar, start_date date,
    stop_date date, description text, active bool, allday bool, recurrency bool, follow_recurrence bool,
    start timestamp NOT NULL, stop timestamp NOT NULL, create_date timestamp, write_date timestamp, duration float8
);

CREATE TABLE fetchmail_server (
    id serial PRIMARY KEY, port int, object_id int, priority int, create_uid int, write_uid int,
    name varchar NOT NULL, state varchar, server varchar, server_type varchar NOT NULL, "user" varchar,
    password varchar, script varchar, configuration text, active bool, is_ssl bool, attach bool, original bool,
    date timestamp, create_date timestamp, write_date timestamp, google_gmail_access_token_expiration int,
    google_gmail_authorization_code varchar, google_gmail_refresh_token varchar, google_gmail_access_token varchar
);

CREATE TABLE ir_actions (
    id serial PRIMARY KEY, binding_model_id int, create_uid int, write_uid int, type varchar NOT NULL, path varchar,
    binding_type varchar NOT NULL, binding_view_types varchar, name jsonb NOT NULL, help jsonb,
    create_date timestamp, write_date timestamp, CONSTRAINT ir_actions_path_unique UNIQUE (path)
);

CREATE TABLE ir_act_server (
    sequence int, model_id int NOT NULL, crud_model_id int, link_field_id int, update_field_id int,
    update_related_model_id int, selection_value int, usage varchar NOT NULL, state varchar NOT NULL,
    model_name varchar, update_path varchar, update_m2m_operation varchar, update_boolean_value varchar,
    evaluation_type varchar, resource_ref varchar, webhook_url varchar, code text, value text, template_id int,
    activity_type_id int, activity_date_deadline_range int, activity_user_id int, mail_post_method varchar,
    activity_summary varchar, activity_date_deadline_range_type varchar, activity_user_type varchar,
    activity_user_field_name varchar, activity_note text, mail_post_autofollow bool, sms_template_id int,
    sms_method varchar, base_automation_id int, CONSTRAINT ir_act_server_path_unique UNIQUE (path),
    PRIMARY KEY (id)
) INHERITS (ir_actions);

CREATE TABLE ir_attachment (
    id serial PRIMARY KEY, res_id int, company_id int, file_size int, create_uid int, write_uid int,
    name varchar NOT NULL, res_model varchar, res_field varchar, type varchar NOT NULL, url varchar(1024),
    access_token varchar, store_fname varchar, checksum varchar(40), mimetype varchar, description text,
    index_content text, public bool, create_date timestamp, write_date timestamp, db_datas bytea, original_id int
);

CREATE TABLE ir_config_parameter (
    id serial PRIMARY KEY, create_uid int, write_uid int, key varchar NOT NULL, value text NOT NULL,
    create_date timestamp, write_date timestamp, CONSTRAINT ir_config_parameter_key_uniq UNIQUE (key)
);

CREATE TABLE ir_cron (
    id serial PRIMARY KEY, ir_actions_server_id int NOT NULL, user_id int NOT NULL, interval_number int NOT NULL,
    priority int, failure_count int, create_uid int, write_uid int, cron_name varchar,
    interval_type varchar NOT NULL, active bool, nextcall timestamp NOT NULL, lastcall timestamp,
    first_failure_date timestamp, create_date timestamp, write_date timestamp, channel_id int,
    no_parallel_queue_job_run bool, run_as_queue_job bool,
    CONSTRAINT ir_cron_check_strictly_positive_interval CHECK ((interval_number > 0))
);

CREATE TABLE ir_cron_progress (
    id serial PRIMARY KEY, cron_id int NOT NULL, remaining int, done int, timed_out_counter int, create_uid int,
    write_uid int, deactivate bool, create_date timestamp, write_date timestamp
);

CREATE TABLE ir_cron_trigger (
    id serial PRIMARY KEY, cron_id int, create_uid int, write_uid int, call_at timestamp, create_date timestamp,
    write_date timestamp
);

CREATE TABLE ir_logging (
    id serial PRIMARY KEY, create_uid int, write_uid int, name varchar NOT NULL, type varchar NOT NULL,
    dbname varchar, level varchar, path varchar NOT NULL, func varchar NOT NULL, line varchar NOT NULL,
    message text NOT NULL, create_date timestamp, write_date timestamp
);

CREATE TABLE ir_mail_server (
    id serial PRIMARY KEY, smtp_port int, sequence int, create_uid int, write_uid int, name varchar NOT NULL,
    from_filter varchar, smtp_host varchar, smtp_authentication varchar NOT NULL, smtp_user varchar,
    smtp_pass varchar, smtp_encryption varchar NOT NULL, smtp_debug bool, active bool, create_date timestamp,
    write_date timestamp, max_email_size float8, smtp_ssl_certificate bytea, smtp_ssl_private_key bytea,
    google_gmail_access_token_expiration int, google_gmail_authorization_code varchar,
    google_gmail_refresh_token varchar, google_gmail_access_token varchar,
    CONSTRAINT ir_mail_server_certificate_requires_tls CHECK ((((smtp_encryption)::text <> 'none'::text) OR ((smtp_authentication)::text <> 'certificate'::text)))
);

CREATE TABLE ir_module_module (
    id serial PRIMARY KEY, create_uid int, create_date timestamp, write_date timestamp, write_uid int,
    website varchar, summary jsonb, name varchar NOT NULL, author varchar, icon varchar, state varchar(16),
    latest_version varchar, shortdesc jsonb, category_id int, description jsonb, application bool DEFAULT false,
    demo bool DEFAULT false, web bool DEFAULT false, license varchar(32), sequence int DEFAULT 100,
    auto_install bool DEFAULT false, to_buy bool DEFAULT false, maintainer varchar, published_version varchar,
    url varchar, contributors text, menus_by_module text, reports_by_module text, views_by_module text,
    module_type varchar, imported bool, CONSTRAINT ir_module_module_name_uniq UNIQUE (name)
);

CREATE TABLE mail_mail (
    id serial PRIMARY KEY, mail_message_id int NOT NULL, fetchmail_server_id int, create_uid int, write_uid int,
    email_cc varchar, state varchar, failure_type varchar, body_html text, "references" text, headers text,
    email_to text, failure_reason text, is_notification bool, auto_delete bool, scheduled_date timestamp,
    create_date timestamp, write_date timestamp
);

CREATE TABLE mail_message (
    id serial PRIMARY KEY, parent_id int, res_id int, record_alias_domain_id int, record_company_id int,
    subtype_id int, mail_activity_type_id int, author_id int, author_guest_id int, mail_server_id int,
    create_uid int, write_uid int, subject varchar, model varchar, record_name varchar,
    message_type varchar NOT NULL, email_from varchar, message_id varchar, reply_to varchar,
    email_layout_xmlid varchar, body text, is_internal bool, reply_to_force_new bool, email_add_signature bool,
    date timestamp, pinned_at timestamp, create_date timestamp, write_date timestamp
);

CREATE TABLE mail_notification (
    id serial PRIMARY KEY, author_id int, mail_message_id int NOT NULL, mail_mail_id int, res_partner_id int,
    notification_type varchar NOT NULL, notification_status varchar, failure_type varchar, failure_reason text,
    is_read bool, read_date timestamp, sms_id_int int, sms_number varchar, letter_id int,
    CONSTRAINT mail_notification_notification_partner_required CHECK ((((notification_type)::text <> ALL ((ARRAY['email'::varchar, 'inbox'::varchar])::text[])) OR (res_partner_id IS NOT NULL)))
);

CREATE TABLE purchase_order (
    id serial PRIMARY KEY, partner_id int NOT NULL, dest_address_id int, currency_id int NOT NULL,
    invoice_count int, fiscal_position_id int, payment_term_id int, incoterm_id int, user_id int,
    company_id int NOT NULL, create_uid int, write_uid int, access_token varchar, name varchar NOT NULL,
    priority varchar, origin varchar, partner_ref varchar, state varchar, invoice_status varchar, notes text,
    amount_untaxed numeric, amount_tax numeric, amount_total numeric, amount_total_cc numeric,
    currency_rate numeric, mail_reminder_confirmed bool, mail_reception_confirmed bool,
    mail_reception_declined bool, date_order timestamp NOT NULL, date_approve timestamp, date_planned timestamp,
    date_calendar_start timestamp, create_date timestamp, write_date timestamp, picking_type_id int NOT NULL,
    group_id int, incoterm_location varchar, receipt_status varchar, effective_date timestamp
);

CREATE TABLE queue_job (
    id serial PRIMARY KEY, user_id int, company_id int, priority int, retry int, max_retries int,
    job_function_id int, worker_pid int, uuid varchar NOT NULL, graph_uuid varchar, name varchar,
    model_name varchar, method_name varchar, func_string varchar, state varchar NOT NULL, exc_name varchar,
    exc_message varchar, channel_method_name varchar, channel varchar, identity_key varchar, records jsonb,
    args jsonb, kwargs jsonb, dependencies text, exc_info text, result text, date_created timestamp,
    date_started timestamp, date_enqueued timestamp, date_done timestamp, date_cancelled timestamp, eta timestamp,
    exec_time float8
);

CREATE TABLE queue_job_channel (
    id serial PRIMARY KEY, parent_id int, removal_interval int NOT NULL, create_uid int, write_uid int,
    name varchar, complete_name varchar, create_date timestamp, write_date timestamp,
    CONSTRAINT queue_job_channel_name_uniq UNIQUE (complete_name)
);

CREATE TABLE queue_job_function (
    id serial PRIMARY KEY, model_id int, channel_id int NOT NULL, name varchar, method varchar, channel varchar,
    retry_pattern jsonb, related_action jsonb
);

CREATE TABLE res_company (
    id serial PRIMARY KEY, name varchar NOT NULL, partner_id int NOT NULL, currency_id int NOT NULL, sequence int,
    create_date timestamp, parent_path varchar, parent_id int, paperformat_id int, external_report_layout_id int,
    create_uid int, write_uid int, email varchar, phone varchar, mobile varchar, font varchar,
    primary_color varchar, secondary_color varchar, layout_background varchar NOT NULL, report_header jsonb,
    report_footer jsonb, company_details jsonb, active bool, uses_default_logo bool, write_date timestamp,
    logo_web bytea, alias_domain_id int, alias_domain_name varchar, email_primary_color varchar,
    email_secondary_color varchar, partner_gid int, iap_enrich_auto_done bool, snailmail_color bool,
    snailmail_cover bool, snailmail_duplex bool, nomenclature_id int, resource_calendar_id int,
    payment_onboarding_payment_method varchar, fiscalyear_last_day int NOT NULL, transfer_account_id int,
    default_cash_difference_income_account_id int, default_cash_difference_expense_account_id int,
    account_journal_suspense_account_id int, account_journal_early_pay_discount_gain_account_id int,
    account_journal_early_pay_discount_loss_account_id int, account_sale_tax_id int, account_purchase_tax_id int,
    currency_exchange_journal_id int, income_currency_exchange_account_id int,
    expense_currency_exchange_account_id int, incoterm_id int, batch_payment_sequence_id int,
    account_opening_move_id int, account_default_pos_receivable_account_id int, expense_accrual_account_id int,
    revenue_accrual_account_id int, automatic_entry_default_journal_id int, account_fiscal_country_id int,
    tax_cash_basis_journal_id int, account_cash_basis_base_account_id int,
    account_discount_income_allocation_id int, account_discount_expense_allocation_id int,
    fiscalyear_last_month varchar NOT NULL, chart_template varchar, bank_account_code_prefix varchar,
    cash_account_code_prefix varchar, transfer_account_code_prefix varchar, tax_calculation_rounding_method varchar,
    terms_type varchar, quick_edit_mode varchar, account_price_include varchar NOT NULL, fiscalyear_lock_date date,
    tax_lock_date date, sale_lock_date date, purchase_lock_date date, hard_lock_date date,
    account_opening_date date NOT NULL, invoice_terms jsonb, invoice_terms_html jsonb,
    expects_chart_of_accounts bool, anglo_saxon_accounting bool, qr_code bool,
    display_invoice_amount_total_words bool, display_invoice_tax_company_currency bool,
    account_use_credit_limit bool, tax_exigibility bool, account_storno bool, check_account_audit_trail bool,
    autopost_bills bool, hr_presence_control_email_amount int, hr_presence_control_ip_list varchar,
    employee_properties_definition jsonb, hr_presence_control_login bool, hr_presence_control_email bool,
    hr_presence_control_ip bool, hr_presence_control_attendance bool, internal_transit_location_id int,
    stock_mail_confirmation_template_id int, annual_inventory_day int, annual_inventory_month varchar,
    stock_move_email_validation bool, po_lock varchar, po_double_validation varchar,
    po_double_validation_amount numeric, po_lead float8 NOT NULL, account_production_wip_account_id int,
    account_production_wip_overhead_account_id int, stock_sms_confirmation_template_id int,
    stock_move_sms_validation bool, has_received_warning_stock_sms bool, days_to_purchase float8,
    CONSTRAINT res_company_name_uniq UNIQUE (name)
);

CREATE TABLE res_device_log (
    id serial PRIMARY KEY, user_id int, create_uid int, write_uid int, session_identifier varchar NOT NULL,
    platform varchar, browser varchar, ip_address varchar, country varchar, city varchar, device_type varchar,
    revoked bool, first_activity timestamp, last_activity timestamp, create_date timestamp, write_date timestamp
);

CREATE TABLE res_users (
    id serial PRIMARY KEY, company_id int NOT NULL, partner_id int NOT NULL, active bool DEFAULT true,
    create_date timestamp, login varchar NOT NULL, password varchar, action_id int, create_uid int, write_uid int,
    signature text, share bool, write_date timestamp, totp_secret varchar, tour_enabled bool,
    notification_type varchar NOT NULL, odoobot_state varchar, odoobot_failed bool,
    CONSTRAINT res_users_notification_type CHECK ((((notification_type)::text = 'email'::text) OR (NOT share))),
    CONSTRAINT res_users_login_key UNIQUE (login)
);

CREATE TABLE res_users_log (
    id serial PRIMARY KEY, create_uid int, write_uid int, create_date timestamp, write_date timestamp
);

CREATE TABLE stock_picking (
    id serial PRIMARY KEY, backorder_id int, return_id int, group_id int, location_id int NOT NULL,
    location_dest_id int NOT NULL, picking_type_id int NOT NULL, partner_id int, company_id int, user_id int,
    owner_id int, create_uid int, write_uid int, name varchar, origin varchar, move_type varchar NOT NULL,
    state varchar, priority varchar, picking_properties jsonb, note text, has_deadline_issue bool, printed bool,
    is_locked bool, scheduled_date timestamp, date_deadline timestamp, date timestamp, date_done timestamp,
    create_date timestamp, write_date timestamp, CONSTRAINT stock_picking_name_uniq UNIQUE (name, company_id)
);

CREATE TABLE ir_model_data (
    id serial PRIMARY KEY, create_uid int, create_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'),
    write_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'), write_uid int, res_id int, noupdate bool DEFAULT false,
    name varchar NOT NULL, module varchar NOT NULL, model varchar NOT NULL
);

CREATE INDEX account_edi_document__move_id_index ON account_edi_document (move_id);
CREATE INDEX account_move__auto_post_origin_id_index ON account_move (auto_post_origin_id) WHERE (auto_post_origin_id IS NOT NULL);
CREATE INDEX account_move__company_id_index ON account_move (company_id);
CREATE INDEX account_move__date_index ON account_move (date);
CREATE INDEX account_move__inalterable_hash_index ON account_move (inalterable_hash) WHERE (inalterable_hash IS NOT NULL);
CREATE INDEX account_move__invoice_date_due_index ON account_move (invoice_date_due);
CREATE INDEX account_move__invoice_date_index ON account_move (invoice_date);
CREATE INDEX account_move__message_main_attachment_id_index ON account_move (message_main_attachment_id) WHERE (message_main_attachment_id IS NOT NULL);
CREATE INDEX account_move__move_type_index ON account_move (move_type);
CREATE INDEX account_move__origin_payment_id_index ON account_move (origin_payment_id) WHERE (origin_payment_id IS NOT NULL);
CREATE INDEX account_move__partner_id_index ON account_move (partner_id);
CREATE INDEX account_move__reversed_entry_id_index ON account_move (reversed_entry_id) WHERE (reversed_entry_id IS NOT NULL);
CREATE INDEX account_move__secure_sequence_number_index ON account_move (secure_sequence_number);
CREATE INDEX account_move__statement_line_id_index ON account_move (statement_line_id) WHERE (statement_line_id IS NOT NULL);
CREATE INDEX account_move__stock_move_id_index ON account_move (stock_move_id) WHERE (stock_move_id IS NOT NULL);
CREATE INDEX account_move__tax_cash_basis_origin_move_id_index ON account_move (tax_cash_basis_origin_move_id) WHERE (tax_cash_basis_origin_move_id IS NOT NULL);
CREATE INDEX account_move__tax_cash_basis_rec_id_index ON account_move (tax_cash_basis_rec_id) WHERE (tax_cash_basis_rec_id IS NOT NULL);
CREATE INDEX account_move_checked_idx ON account_move (journal_id) WHERE (checked = false);
CREATE INDEX account_move_journal_id_company_id_idx ON account_move (journal_id, company_id, date);
CREATE INDEX account_move_made_gaps ON account_move (journal_id, company_id, date) WHERE (made_sequence_gap = true);
CREATE INDEX account_move_payment_idx ON account_move (journal_id, state, payment_state, move_type, date);
CREATE INDEX account_move_sequence_index ON account_move (journal_id, sequence_prefix DESC, sequence_number DESC, name);
CREATE INDEX account_move_sequence_index2 ON account_move (journal_id, id DESC, sequence_prefix);
CREATE INDEX calendar_event__access_token_index ON calendar_event (access_token);
CREATE INDEX fetchmail_server__server_type_index ON fetchmail_server (server_type);
CREATE INDEX fetchmail_server__state_index ON fetchmail_server (state);
CREATE INDEX ir_act_server__model_id_index ON ir_act_server (model_id);
CREATE INDEX ir_attachment__store_fname_index ON ir_attachment (store_fname);
CREATE INDEX ir_attachment__url_index ON ir_attachment (url) WHERE (url IS NOT NULL);
CREATE INDEX ir_attachment_res_idx ON ir_attachment (res_model, res_id);
CREATE INDEX ir_cron_progress__cron_id_index ON ir_cron_progress (cron_id);
CREATE INDEX ir_cron_trigger__call_at_index ON ir_cron_trigger (call_at);
CREATE INDEX ir_cron_trigger__cron_id_index ON ir_cron_trigger (cron_id);
CREATE INDEX ir_logging__dbname_index ON ir_logging (dbname);
CREATE INDEX ir_logging__level_index ON ir_logging (level);
CREATE INDEX ir_logging__type_index ON ir_logging (type);
CREATE INDEX ir_mail_server__name_index ON ir_mail_server (name);
CREATE INDEX ir_model_data_model_res_id_index ON ir_model_data (model, res_id);
CREATE INDEX ir_module_module__category_id_index ON ir_module_module (category_id);
CREATE INDEX ir_module_module__state_index ON ir_module_module (state);
CREATE INDEX mail_mail__mail_message_id_index ON mail_mail (mail_message_id);
CREATE INDEX mail_message__author_id_index ON mail_message (author_id);
CREATE INDEX mail_message__mail_activity_type_id_index ON mail_message (mail_activity_type_id) WHERE (mail_activity_type_id IS NOT NULL);
CREATE INDEX mail_message__message_id_index ON mail_message (message_id);
CREATE INDEX mail_message__parent_id_index ON mail_message (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX mail_message__subtype_id_index ON mail_message (subtype_id);
CREATE INDEX mail_message_model_res_id_id_idx ON mail_message (model, res_id, id);
CREATE INDEX mail_message_model_res_id_idx ON mail_message (model, res_id);
CREATE INDEX mail_notification__is_read_index ON mail_notification (is_read);
CREATE INDEX mail_notification__letter_id_index ON mail_notification (letter_id) WHERE (letter_id IS NOT NULL);
CREATE INDEX mail_notification__mail_mail_id_index ON mail_notification (mail_mail_id);
CREATE INDEX mail_notification__mail_message_id_index ON mail_notification (mail_message_id);
CREATE INDEX mail_notification__notification_status_index ON mail_notification (notification_status);
CREATE INDEX mail_notification__notification_type_index ON mail_notification (notification_type);
CREATE INDEX mail_notification__res_partner_id_index ON mail_notification (res_partner_id);
CREATE INDEX mail_notification__sms_id_int_index ON mail_notification (sms_id_int) WHERE (sms_id_int IS NOT NULL);
CREATE INDEX mail_notification_author_id_notification_status_failure ON mail_notification (author_id, notification_status) WHERE (notification_status = ANY ((ARRAY['bounce', 'exception'])));
CREATE INDEX mail_notification_res_partner_id_is_read_notification_status_ma ON mail_notification (res_partner_id, is_read, notification_status, mail_message_id);
CREATE INDEX purchase_order__company_id_index ON purchase_order (company_id);
CREATE INDEX purchase_order__date_approve_index ON purchase_order (date_approve);
CREATE INDEX purchase_order__date_order_index ON purchase_order (date_order);
CREATE INDEX purchase_order__date_planned_index ON purchase_order (date_planned);
CREATE INDEX purchase_order__priority_index ON purchase_order (priority);
CREATE INDEX purchase_order__state_index ON purchase_order (state);
CREATE INDEX purchase_order__user_id_index ON purchase_order (user_id);
CREATE INDEX queue_job__channel_index ON queue_job (channel);
CREATE INDEX queue_job__company_id_index ON queue_job (company_id);
CREATE INDEX queue_job__graph_uuid_index ON queue_job (graph_uuid);
CREATE INDEX queue_job__state_index ON queue_job (state);
CREATE INDEX queue_job__uuid_index ON queue_job (uuid);
CREATE INDEX queue_job_function__name_index ON queue_job_function (name);
CREATE INDEX queue_job_identity_key_state_partial_index ON queue_job (identity_key) WHERE ((state = ANY ((ARRAY['pending', 'enqueued', 'wait_dependencies']))) AND (identity_key IS NOT NULL));
CREATE INDEX res_company__parent_id_index ON res_company (parent_id);
CREATE INDEX res_company__parent_path_index ON res_company (parent_path);
CREATE INDEX res_device_log__composite_idx ON res_device_log (user_id, session_identifier, platform, browser, last_activity, id) WHERE (revoked = false);
CREATE INDEX res_device_log__last_activity_index ON res_device_log (last_activity);
CREATE INDEX res_device_log__session_identifier_index ON res_device_log (session_identifier);
CREATE INDEX res_device_log__user_id_index ON res_device_log (user_id);
CREATE INDEX res_users__partner_id_index ON res_users (partner_id);
CREATE INDEX stock_picking__backorder_id_index ON stock_picking (backorder_id) WHERE (backorder_id IS NOT NULL);
CREATE INDEX stock_picking__company_id_index ON stock_picking (company_id);
CREATE INDEX stock_picking__owner_id_index ON stock_picking (owner_id) WHERE (owner_id IS NOT NULL);
CREATE INDEX stock_picking__partner_id_index ON stock_picking (partner_id) WHERE (partner_id IS NOT NULL);
CREATE INDEX stock_picking__picking_type_id_index ON stock_picking (picking_type_id);
CREATE INDEX stock_picking__return_id_index ON stock_picking (return_id) WHERE (return_id IS NOT NULL);
CREATE INDEX stock_picking__scheduled_date_index ON stock_picking (scheduled_date);
CREATE INDEX stock_picking__state_index ON stock_picking (state);
CREATE UNIQUE INDEX account_move_unique_name ON account_move (name, journal_id) WHERE ((state = 'posted') AND (name <> '/'));
CREATE UNIQUE INDEX bus_presence_guest_unique ON bus_presence (guest_id) WHERE (guest_id IS NOT NULL);
CREATE UNIQUE INDEX bus_presence_user_unique ON bus_presence (user_id) WHERE (user_id IS NOT NULL);
CREATE UNIQUE INDEX ir_model_data_module_name_uniq_index ON ir_model_data (module, name);
CREATE UNIQUE INDEX unique_mail_message_id_res_partner_id_if_set ON mail_notification (mail_message_id, res_partner_id) WHERE (res_partner_id IS NOT NULL);
