-- Find the API token with a `hash`, by `uq_api_tokens_hash`.
--
-- `last_use_is_old` tells whether its last use was stored more than a minute ago, `is_live` whether it works.
--
-- Parameters:
--   $1 hash bytea
--
-- Columns:
--   id bigint
--   user_id bigint
--   scopes text[]
--   name text
--   last_use_is_old boolean
--   is_live boolean

SELECT
    api_tokens.id,
    api_tokens.user_id,
    api_tokens.scopes,
    api_tokens.name,
    coalesce(api_tokens.last_used_at <= now() - make_interval(secs=>60.0), true) AS last_use_is_old,
    api_tokens.revoked_at IS NULL
    AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now()) AS is_live
FROM api_tokens
WHERE api_tokens.hash = $1::BYTEA
