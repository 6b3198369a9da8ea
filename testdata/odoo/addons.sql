-- Tables that were not recorded, in columns of their sources: the journals and orders of Odoo itself, OCA's
-- resource_booking, base_tier_validation, rest_log and edi, and what the enterprise appointments add to events.

CREATE TABLE account_journal (id serial PRIMARY KEY, name jsonb, code varchar, type varchar NOT NULL, company_id int, active bool);
INSERT INTO account_journal (name, code, type, company_id, active)
SELECT jsonb_build_object('en_US', initcap(type)), upper(type), type, 1, true FROM unnest(ARRAY['sale', 'purchase', 'general']) type;

CREATE TABLE sale_order (
    id serial PRIMARY KEY, company_id int, name varchar, state varchar, client_order_ref varchar, invoice_status varchar,
    note text, date_order timestamp, create_date timestamp
);

CREATE TABLE mail_tracking_value (
    id serial PRIMARY KEY, field_id int, mail_message_id int NOT NULL, old_value_char varchar, new_value_char varchar,
    old_value_text text, new_value_text text, create_date timestamp
);
CREATE INDEX mail_tracking_value__mail_message_id_index ON mail_tracking_value (mail_message_id);

CREATE TABLE resource_booking (
    id serial PRIMARY KEY, name varchar, state varchar, location varchar, description text, active bool, start timestamp, stop timestamp,
    create_date timestamp
);
CREATE INDEX resource_booking_state_index ON resource_booking (state);

CREATE TABLE tier_review (
    id serial PRIMARY KEY, name varchar, status varchar, model varchar, res_id int, sequence int, comment varchar, reviewed_date timestamp,
    create_date timestamp
);
CREATE INDEX tier_review_model_index ON tier_review (model, res_id);

CREATE TABLE rest_log (
    id serial PRIMARY KEY, collection varchar, request_url varchar, request_method varchar, params text, headers text, result text,
    error text, exception_name varchar, exception_message text, state varchar, severity varchar, exec_time float8, create_date timestamp
);
CREATE INDEX rest_log_collection_index ON rest_log (collection);

CREATE TABLE edi_exchange_record (
    id serial PRIMARY KEY, identifier varchar, external_identifier varchar, edi_exchange_state varchar, exchange_error text,
    exchange_filename varchar, create_date timestamp
);

ALTER TABLE calendar_event ADD COLUMN appointment_status varchar;

CREATE TABLE ir_model_fields (id serial PRIMARY KEY, name varchar NOT NULL, model varchar NOT NULL, field_description jsonb, help jsonb);
INSERT INTO ir_model_fields (name, model, field_description) VALUES ('state', 'purchase.order', '{"en_US": "Status"}');
