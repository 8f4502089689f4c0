-- Find the live API token with a `hash`, by `uq_api_tokens_hash`, and set when it was used, to the minute.
--
-- Parameters:
--   $1 hash bytea
--
-- Columns:
--   id bigint
--   user_id bigint
--   scopes text[]

UPDATE api_tokens
SET last_used_at=CASE
    WHEN (api_tokens.last_used_at > now() - make_interval(secs=>60.0)) THEN api_tokens.last_used_at
    ELSE now()
END
WHERE
    api_tokens.hash = $1::BYTEA
    AND api_tokens.revoked_at IS NULL
    AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now())
RETURNING api_tokens.id, api_tokens.user_id, api_tokens.scopes
