-- Make an API token with a `name` and `scopes`, which ends at `expires_at` or never; `row` is its `TokenRead`.
--
-- `hash`: SHA-256 of the token, which is itself not stored. `hint`: the part of it that a person may recognize. `made_by`:
-- the API token that makes it, which it does not outlive; no row if that one does not work any more.
--
-- Parameters:
--   $1 user_id bigint
--   $2 name character varying
--   $3 hint character varying
--   $4 hash bytea
--   $5 scopes text[]
--   $6 made_by bigint
--   $7 expires_at timestamp with time zone
--
-- Columns:
--   id bigint
--   row json

WITH
    maker AS (
        SELECT api_tokens.id AS id, api_tokens.expires_at AS expires_at
        FROM api_tokens
        WHERE
            api_tokens.user_id = $1::BIGINT
            AND api_tokens.id = $6::BIGINT
            AND api_tokens.revoked_at IS NULL
            AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now()) FOR SHARE
    ),
    created AS (
        INSERT INTO api_tokens (user_id, name, hint, hash, scopes, expires_at, made_by)
        SELECT
            $1::BIGINT AS user_id,
            $2::VARCHAR AS name,
            $3::VARCHAR AS hint,
            $4::BYTEA AS hash,
            $5::TEXT[] AS scopes,
            least(wanted.expires_at, maker.expires_at) AS expires_at,
            $6::BIGINT AS made_by
        FROM (SELECT $7::TIMESTAMP WITH TIME ZONE AS expires_at) AS wanted
        LEFT OUTER JOIN maker ON true
        WHERE $6::BIGINT IS NULL OR maker.id IS NOT NULL
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
    created.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                created.id AS id,
                created.name AS name,
                created.hint AS hint,
                created.scopes AS scopes,
                (to_json(timezone('UTC', created.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', created.expires_at)) #>> '{}') || 'Z' AS expires_at,
                (to_json(timezone('UTC', created.last_used_at)) #>> '{}') || 'Z' AS last_used_at,
                (to_json(timezone('UTC', created.revoked_at)) #>> '{}') || 'Z' AS revoked_at,
                created.made_by AS made_by
        ) AS shaped
    ) AS row
FROM created
