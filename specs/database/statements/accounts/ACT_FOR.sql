-- Write into the record of the user `account` from here on, and wait for the user's own writes: changes have their ids
-- in the order of commits.
--
-- Parameters:
--   $1 account bigint
--
-- Columns:
--   set_config_1 text
--   pg_advisory_xact_lock_1 void

SELECT
    set_config('app.user_id', CAST($1::BIGINT AS TEXT), true) AS set_config_1,
    pg_advisory_xact_lock($1::BIGINT) AS pg_advisory_xact_lock_1
