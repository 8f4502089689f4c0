-- Read the user's profile, as `ProfileRead`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            users.id AS id,
            users.display_name AS display_name,
            users.email AS email,
            CASE
                WHEN (
                    users.role = 'admin'
                    AND (
                        users.role_until > now()
                        OR users.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                    )
                )
                THEN 'admin'
                ELSE 'user'
            END AS role,
            users.time_zone AS time_zone,
            users.locale AS locale,
            users.week_start AS week_start,
            users.default_list_id AS default_list_id,
            users.new_todos AS new_todos,
            (to_json(timezone('UTC', users.created_at)) #>> '{}') || 'Z' AS created_at,
            (to_json(timezone('UTC', users.updated_at)) #>> '{}') || 'Z' AS updated_at,
            users.version AS version
    ) AS shaped
) AS row
FROM users
WHERE users.id = $1::BIGINT
