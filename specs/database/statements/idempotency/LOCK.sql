-- Lock a `key` by its `lock`, then wait for the person's other writes; no row if another transaction has the key.
--
-- Servers of the version before know a key by the hash of its text, and answer 409 while somebody has that lock. So it
-- is taken too, for one release: shared, for servers of this version are not to meet in it, and never where it is the lock
-- of a person's writes, for who sends a key can choose its hash.
--
-- Parameters:
--   $1 user_id bigint
--   $2 lock bigint
--   $3 key character varying
--
-- Columns:
--   pg_advisory_xact_lock_1 void

SELECT pg_advisory_xact_lock($1::BIGINT) AS pg_advisory_xact_lock_1
FROM pg_try_advisory_xact_lock($2::BIGINT) AS free
WHERE CASE
    WHEN (NOT free) THEN false
    WHEN (hashtextextended($3::VARCHAR, $1::BIGINT) BETWEEN 0 AND 281474976710656) THEN true
    ELSE pg_advisory_xact_lock_shared(hashtextextended($3::VARCHAR, $1::BIGINT)) IS NOT NULL
END
