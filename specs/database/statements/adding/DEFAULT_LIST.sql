-- Read the list of todos that name none, null if it is not seen, and all that are seen and not archived (`lists`).
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   list_id bigint
--   lists bigint[]

WITH defaults AS MATERIALIZED (
    SELECT
        language_of(users.locale) AS language,
        users.new_todos = 'first' AS comes_first,
        coalesce(
            (
                SELECT lists.id
                FROM lists
                WHERE
                    lists.user_id = $1::BIGINT
                    AND lists.id = users.default_list_id
                    AND lists.deleted_at IS NULL
                    AND lists.archived_at IS NULL
            ),
            (SELECT lists.id FROM lists WHERE lists.user_id = $1::BIGINT AND lists.is_inbox)
        ) AS list_id
    FROM users
    WHERE users.id = $1::BIGINT
)
SELECT
    defaults.list_id,
    array(
        (
            SELECT lists.id
            FROM lists
            WHERE
                lists.user_id = $1::BIGINT
                AND lists.deleted_at IS NULL
                AND lists.archived_at IS NULL
        )
    ) AS lists
FROM defaults
