-- Read the account with an `id`, as `AccountRead`.
--
-- Parameters:
--   $1 id bigint
--
-- Columns:
--   row json

WITH one AS (
    SELECT
        users.id AS id,
        users.issuer AS issuer,
        users.subject AS subject,
        users.role AS role,
        users.email AS email,
        users.display_name AS display_name,
        users.is_name_chosen AS is_name_chosen,
        users.time_zone AS time_zone,
        users.locale AS locale,
        users.week_start AS week_start,
        users.suspended_at AS suspended_at,
        users.created_at AS created_at,
        users.updated_at AS updated_at,
        users.version AS version,
        users.default_list_id AS default_list_id,
        users.reviewed_through AS reviewed_through,
        users.changes_deleted_through AS changes_deleted_through,
        users.role_until AS role_until,
        users.role_issued_at AS role_issued_at,
        users.new_todos AS new_todos
    FROM users
    WHERE users.issuer != 'urn:todo-mcp:operator' AND users.id = $1::BIGINT
)
SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            one.id AS id,
            one.issuer AS issuer,
            one.subject AS subject,
            one.email AS email,
            one.display_name AS display_name,
            CASE
                WHEN (
                    one.role = 'admin'
                    AND (
                        one.role_until > now()
                        OR one.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                    )
                )
                THEN 'admin'
                ELSE 'user'
            END AS role,
            (to_json(timezone('UTC', one.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', one.suspended_at)) #>> '{}') || 'Z' AS suspended_at,
            its_todos.open AS open_todos,
            its_todos.done AS done_todos,
            its_todos.trashed AS trashed_todos,
            its_tokens.live AS live_tokens
    ) AS shaped
) AS row
FROM one
JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE todos.deleted_at IS NULL AND todos.completed_at IS NULL) AS open,
        count(*) FILTER (WHERE todos.deleted_at IS NULL AND todos.completed_at IS NOT NULL) AS done,
        count(*) FILTER (WHERE todos.deleted_at IS NOT NULL) AS trashed
    FROM todos
    WHERE todos.user_id = one.id
) AS its_todos
    ON true
JOIN LATERAL (
    SELECT count(*) AS live
    FROM api_tokens
    WHERE
        api_tokens.user_id = one.id
        AND api_tokens.revoked_at IS NULL
        AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now())
) AS its_tokens
    ON true
