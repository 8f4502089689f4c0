-- Read every API token of the user, oldest first: `rows`, a JSON array of `TokenRead`, and `total`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   rows json
--   total bigint

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        api_tokens.id AS id,
                        api_tokens.name AS name,
                        api_tokens.hint AS hint,
                        api_tokens.scopes AS scopes,
                        (
                            to_json(timezone('UTC', api_tokens.created_at)) #>> '{}'
                        ) || 'Z' AS created_at,
                        (
                            to_json(timezone('UTC', api_tokens.expires_at)) #>> '{}'
                        ) || 'Z' AS expires_at,
                        (
                            to_json(timezone('UTC', api_tokens.last_used_at)) #>> '{}'
                        ) || 'Z' AS last_used_at,
                        (
                            to_json(timezone('UTC', api_tokens.revoked_at)) #>> '{}'
                        ) || 'Z' AS revoked_at,
                        api_tokens.made_by AS made_by
                ) AS shaped
            )
            ORDER BY api_tokens.id
        ),
        '[]'::json
    ) AS rows,
    count(*) AS total
FROM api_tokens
WHERE api_tokens.user_id = $1::BIGINT
