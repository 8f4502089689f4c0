-- Let this transaction see what the address shows whose secret has the SHA-256 `hash`.
--
-- Parameters:
--   $1 hash bytea
--
-- Columns:
--   set_config_1 text

SELECT set_config('app.calendar_hash', encode($1::BYTEA, 'hex'), true) AS set_config_1
