-- Read when the API token `id` expires; null if it does not, or there is none.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   expires_at timestamp with time zone

SELECT (
    SELECT api_tokens.expires_at
    FROM api_tokens
    WHERE api_tokens.user_id = $1::BIGINT AND api_tokens.id = $2::BIGINT
) AS expires_at
