-- Read every live tag in alphabetical order: `rows`, a JSON array of `TagRead`, and `total`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   rows json
--   total bigint

SELECT
    coalesce(
        json_agg(
            (
                SELECT row_to_json(shaped) AS row_to_json_1
                FROM (
                    SELECT
                        tags.id AS id,
                        tags.name AS name,
                        (
                            SELECT count(*) AS count_1
                            FROM todo_tags
                            WHERE
                                todo_tags.user_id = $1::BIGINT
                                AND todo_tags.tag_id = tags.id
                                AND (
                                    todo_tags.todo_id IN (
                                        SELECT unnest(
                                            array(
                                                (
                                                    SELECT todos.id
                                                    FROM todos
                                                    WHERE
                                                        todos.user_id = $1::BIGINT
                                                        AND todos.deleted_at IS NULL
                                                        AND todos.completed_at IS NULL
                                                )
                                            )
                                        ) AS unnest_1
                                    )
                                ) IS true
                        ) AS open_todos,
                        (to_json(timezone('UTC', tags.created_at)) #>> '{}') || 'Z' AS created_at,
                        (to_json(timezone('UTC', tags.updated_at)) #>> '{}') || 'Z' AS updated_at,
                        tags.version AS version
                ) AS shaped
            )
            ORDER BY tags.name_key
        ),
        '[]'::json
    ) AS rows,
    count(*) AS total
FROM tags
WHERE tags.user_id = $1::BIGINT AND tags.deleted_at IS NULL
