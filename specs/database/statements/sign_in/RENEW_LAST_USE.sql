-- Store that the API token with a `hash` is used now, unless another process has stored so in the last minute.
--
-- Parameters:
--   $1 hash bytea

UPDATE api_tokens
SET last_used_at=now()
WHERE
    api_tokens.hash = $1::BYTEA
    AND coalesce(api_tokens.last_used_at <= now() - make_interval(secs=>60.0), true)
