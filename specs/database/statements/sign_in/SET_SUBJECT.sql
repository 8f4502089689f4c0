-- Let this transaction see and make the user that `issuer` knows as `subject`.
--
-- Parameters:
--   $1 issuer character varying
--   $2 subject character varying
--
-- Columns:
--   set_config_1 text
--   set_config_2 text

SELECT
    set_config('app.issuer', $1::VARCHAR, true) AS set_config_1,
    set_config('app.subject', $2::VARCHAR, true) AS set_config_2
