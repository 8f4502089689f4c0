-- Make an API token with a `name` and `scopes`, which ends at `expires_at` or never; `row` is its `TokenRead`.
--
-- `hash`: SHA-256 of the token, which is itself not stored. `hint`: the part of it that a person may recognize.
--
-- Parameters:
--   $1 user_id bigint
--   $2 name character varying
--   $3 hint character varying
--   $4 hash bytea
--   $5 scopes text[]
--   $6 expires_at timestamp with time zone
--
-- Columns:
--   id bigint
--   row json

WITH created AS (
    INSERT INTO api_tokens (user_id, name, hint, hash, scopes, expires_at)
    VALUES (
        $1::BIGINT, $2::VARCHAR, $3::VARCHAR, $4::BYTEA, $5::TEXT[], $6::TIMESTAMP WITH TIME ZONE
    )
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
        api_tokens.revoked_at
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
                created.created_at AS created_at,
                created.expires_at AS expires_at,
                created.last_used_at AS last_used_at,
                created.revoked_at AS revoked_at
        ) AS shaped
    ) AS row
FROM created
