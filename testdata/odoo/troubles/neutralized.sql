-- A staging copy, neutralized as Odoo does it.
INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true');
UPDATE ir_cron SET active = false WHERE id NOT IN (
    SELECT res_id FROM ir_model_data WHERE model = 'ir.cron' AND module = 'base' AND name = 'autovacuum_job');
UPDATE ir_mail_server SET active = false;
INSERT INTO ir_mail_server (name, smtp_host, smtp_port, active, smtp_encryption, smtp_authentication)
VALUES ('neutralization - disable emails', 'invalid', 1025, true, 'none', 'login');
