-- Revoke the API token with an `id`, and what it made, and so on: a row each, the token itself first.
--
-- Columns: `id`; its `TokenRead` before, and after or null if it was revoked already. Reads `ix_api_tokens_made_by`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--
-- Columns:
--   id bigint
--   before json
--   after json

WITH RECURSIVE
    family(id) AS (
        SELECT api_tokens.id AS id
        FROM api_tokens
        WHERE api_tokens.user_id = $1::BIGINT AND api_tokens.id = $2::BIGINT
        UNION
        SELECT child.id AS id
        FROM api_tokens AS child, family
        WHERE child.user_id = $1::BIGINT AND child.made_by = family.id
    ),
    stored AS (
        SELECT
            api_tokens.id AS id,
            api_tokens.user_id AS user_id,
            api_tokens.name AS name,
            api_tokens.hint AS hint,
            api_tokens.hash AS hash,
            api_tokens.scopes AS scopes,
            api_tokens.created_at AS created_at,
            api_tokens.expires_at AS expires_at,
            api_tokens.last_used_at AS last_used_at,
            api_tokens.revoked_at AS revoked_at,
            api_tokens.made_by AS made_by
        FROM api_tokens
        WHERE api_tokens.user_id = $1::BIGINT AND api_tokens.id IN (SELECT family.id FROM family)
        ORDER BY api_tokens.id
        FOR UPDATE
    ),
    revoked AS (
        UPDATE api_tokens
        SET revoked_at=statement_timestamp()
        FROM stored
        WHERE
            api_tokens.user_id = $1::BIGINT
            AND api_tokens.id = stored.id
            AND stored.revoked_at IS NULL
        RETURNING
            api_tokens.id,
            api_tokens.user_id,
            api_tokens.name,
            api_tokens.hint,
            api_tokens.hash,
            api_tokens.scopes,
            api_tokens.created_at,
            api_tokens.expires_at,
            api_tokens.last_used_at,
            api_tokens.revoked_at,
            api_tokens.made_by
    )
SELECT
    stored.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                stored.id AS id,
                stored.name AS name,
                stored.hint AS hint,
                stored.scopes AS scopes,
                (to_json(timezone('UTC', stored.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', stored.expires_at)) #>> '{}') || 'Z' AS expires_at,
                (to_json(timezone('UTC', stored.last_used_at)) #>> '{}') || 'Z' AS last_used_at,
                (to_json(timezone('UTC', stored.revoked_at)) #>> '{}') || 'Z' AS revoked_at,
                stored.made_by AS made_by
        ) AS shaped
    ) AS before,
    CASE
        WHEN (revoked.id IS NOT NULL)
        THEN (
            SELECT row_to_json(shaped) AS row_to_json_2
            FROM (
                SELECT
                    revoked.id AS id,
                    revoked.name AS name,
                    revoked.hint AS hint,
                    revoked.scopes AS scopes,
                    (to_json(timezone('UTC', revoked.created_at)) #>> '{}') || 'Z' AS created_at,
                    (to_json(timezone('UTC', revoked.expires_at)) #>> '{}') || 'Z' AS expires_at,
                    (
                        to_json(timezone('UTC', revoked.last_used_at)) #>> '{}'
                    ) || 'Z' AS last_used_at,
                    (to_json(timezone('UTC', revoked.revoked_at)) #>> '{}') || 'Z' AS revoked_at,
                    revoked.made_by AS made_by
            ) AS shaped
        )
    END AS after
FROM stored
LEFT OUTER JOIN revoked ON revoked.id = stored.id
ORDER BY stored.id
