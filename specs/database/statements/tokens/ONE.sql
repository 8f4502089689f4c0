-- Lock the API token with an `id` and read what a token that takes its place has from it, and whether it works.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   name text
--   scopes text[]
--   expires_at timestamp with time zone
--   made_by bigint
--   is_live boolean

SELECT
    api_tokens.name,
    api_tokens.scopes,
    api_tokens.expires_at,
    api_tokens.made_by,
    api_tokens.revoked_at IS NULL
    AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now()) AS is_live
FROM api_tokens
WHERE api_tokens.user_id = $1::BIGINT AND api_tokens.id = $2::BIGINT
FOR UPDATE
