-- Lock a user's `key` until the transaction ends; false if another transaction has it.
--
-- Parameters:
--   $1 key character varying
--   $2 user_id bigint
--
-- Columns:
--   pg_try_advisory_xact_lock_1 boolean

SELECT pg_try_advisory_xact_lock(
    hashtextextended($1::VARCHAR, $2::BIGINT)
) AS pg_try_advisory_xact_lock_1
