-- Read what differs after whatever changes how many todos of the user there are, of which kind and with which names.
--
-- That is the `newest` change; but a purge of the trash records nothing: of todos that are `trashed` it makes fewer.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   newest text
--   trashed bigint

SELECT
    coalesce(
        (
            SELECT concat(changes.id, '@', EXTRACT(epoch FROM changes.at)) AS newest
            FROM changes
            WHERE changes.user_id = $1::BIGINT
            ORDER BY changes.id DESC
            LIMIT 1
        ),
        (
            SELECT concat(users.changes_deleted_through, '@') AS newest
            FROM users
            WHERE users.id = $1::BIGINT
        )
    ) AS newest,
    (
        SELECT count(*) AS count_1
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NOT NULL
    ) AS trashed
