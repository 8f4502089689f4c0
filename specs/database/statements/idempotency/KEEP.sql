-- Keep a `reply` under a `key`, for the request with this `fingerprint`; what had expired there is replaced.
--
-- Parameters:
--   $1 user_id bigint
--   $2 key character varying
--   $3 fingerprint bytea
--   $4 reply json

INSERT INTO idempotency_keys (user_id, key, fingerprint, reply)
VALUES ($1::BIGINT, $2::VARCHAR, $3::BYTEA, $4::JSON)
ON CONFLICT (user_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, reply = excluded.reply, created_at = now()
