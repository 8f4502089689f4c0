-- Read a page of accounts, oldest first, with how many todos and tokens each has.
--
-- `status`: `active`, `suspended` or `all`. `cursor`: the id after which the page begins. `limit`: rows of the page.
-- Columns: `rows`, a JSON array of `AccountRead`; `total`, of every page; `next_cursor`, null on the last page.
--
-- Parameters:
--   $1 status character varying
--   $2 cursor bigint
--   $3 limit integer
--
-- Columns:
--   rows json
--   total bigint
--   next_cursor bigint

WITH page AS (
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
    WHERE
        users.issuer != 'urn:todo-mcp:operator'
        AND ($1::VARCHAR = 'all' OR ($1::VARCHAR = 'suspended') = (users.suspended_at IS NOT NULL))
        AND users.id > $2::BIGINT
    ORDER BY users.id
    LIMIT $3::INTEGER
)
SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        page.id AS id,
                        page.issuer AS issuer,
                        page.subject AS subject,
                        page.email AS email,
                        page.display_name AS display_name,
                        CASE
                            WHEN (
                                page.role = 'admin'
                                AND (
                                    page.role_until > now()
                                    OR page.issuer IN (
                                        'urn:todo-mcp:local', 'urn:todo-mcp:operator'
                                    )
                                )
                            )
                            THEN 'admin'
                            ELSE 'user'
                        END AS role,
                        (to_json(timezone('UTC', page.created_at)) #>> '{}') || 'Z' AS created_at,
                        (
                            to_json(timezone('UTC', page.suspended_at)) #>> '{}'
                        ) || 'Z' AS suspended_at,
                        its_todos.open AS open_todos,
                        its_todos.done AS done_todos,
                        its_todos.trashed AS trashed_todos,
                        its_tokens.live AS live_tokens
                ) AS shaped
            )
            ORDER BY page.id
        ),
        '[]'::json
    ) AS rows,
    (
        SELECT count(*) AS count_1
        FROM users
        WHERE
            users.issuer != 'urn:todo-mcp:operator'
            AND (
                $1::VARCHAR = 'all'
                OR ($1::VARCHAR = 'suspended') = (users.suspended_at IS NOT NULL)
            )
    ) AS total,
    CASE
        WHEN (
            EXISTS (
                SELECT users.id
                FROM users
                WHERE
                    users.issuer != 'urn:todo-mcp:operator'
                    AND (
                        $1::VARCHAR = 'all'
                        OR ($1::VARCHAR = 'suspended') = (users.suspended_at IS NOT NULL)
                    )
                    AND users.id > (SELECT max(page.id) AS max_1 FROM page)
            )
        )
        THEN max(page.id)
    END AS next_cursor
FROM page
JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE todos.deleted_at IS NULL AND todos.completed_at IS NULL) AS open,
        count(*) FILTER (WHERE todos.deleted_at IS NULL AND todos.completed_at IS NOT NULL) AS done,
        count(*) FILTER (WHERE todos.deleted_at IS NOT NULL) AS trashed
    FROM todos
    WHERE todos.user_id = page.id
) AS its_todos
    ON true
JOIN LATERAL (
    SELECT count(*) AS live
    FROM api_tokens
    WHERE
        api_tokens.user_id = page.id
        AND api_tokens.revoked_at IS NULL
        AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now())
) AS its_tokens
    ON true
