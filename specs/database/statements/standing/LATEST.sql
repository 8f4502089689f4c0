-- Read the newest change: what todos show is the same as long as it is (`rules.pages`).
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   newest text

SELECT coalesce(
    (
        SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS concat_1
        FROM changes
        WHERE changes.user_id = $1::BIGINT
        ORDER BY changes.id DESC
        LIMIT 1
    ),
    (
        SELECT concat(users.changes_deleted_through, '@') AS concat_2
        FROM users
        WHERE users.id = $1::BIGINT
    )
) AS newest
