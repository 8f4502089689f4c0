-- Read the lists with `ids`, deleted ones too, as `ListRecorded`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   row json

SELECT
    lists.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                lists.id AS id,
                lists.name AS name,
                lists.colour AS color,
                (
                    SELECT count(*) + 1 AS anon_1
                    FROM lists AS before
                    WHERE
                        before.user_id = $1::BIGINT
                        AND before.deleted_at IS NULL
                        AND (before.position, before.id) < (lists.position, lists.id)
                ) AS position,
                lists.is_inbox AS is_inbox,
                (
                    SELECT count(*) AS count_1
                    FROM todos
                    WHERE
                        todos.user_id = $1::BIGINT
                        AND todos.list_id = lists.id
                        AND todos.deleted_at IS NULL
                        AND todos.completed_at IS NULL
                ) AS open_todos,
                (to_json(timezone('UTC', lists.archived_at)) #>> '{}') || 'Z' AS archived_at,
                (to_json(timezone('UTC', lists.created_at)) #>> '{}') || 'Z' AS created_at,
                (to_json(timezone('UTC', lists.updated_at)) #>> '{}') || 'Z' AS updated_at,
                lists.version AS version,
                lists.deleted_at IS NOT NULL AS is_deleted
        ) AS shaped
    ) AS row
FROM lists
WHERE lists.user_id = $1::BIGINT AND lists.id = ANY ($2::BIGINT[])
