-- Read a page of the notes of the live todo `id`, the newest first; no row where there is no such todo.
--
-- At most `limit` notes whose ids are below `before`. Columns: `rows`, a JSON array of `NoteRead`; `total`, of every page;
-- `more`, whether there is a next page; `last`, the id of its last note. Reads `uq_todos_user_id_id` and `ix_notes_todo`.
--
-- Parameters:
--   $1 limit integer
--   $2 user_id bigint
--   $3 id bigint
--   $4 before bigint
--
-- Columns:
--   total integer
--   rows json
--   more boolean
--   last bigint

SELECT todos.note_count AS total, page.rows, page.more, page.last
FROM
    todos,
    (
        SELECT
            coalesce(array_to_json((array_agg(found.row))[1:$1::INTEGER]), '[]'::json) AS rows,
            count(*) > $1::INTEGER AS more,
            (array_agg(found.id))[$1::INTEGER] AS last
        FROM (
            SELECT
                (
                    SELECT row_to_json(shaped) AS row_to_json_1
                    FROM (
                        SELECT
                            notes.id AS id,
                            notes.todo_id AS todo_id,
                            notes.text AS text,
                            notes.author AS author,
                            (
                                to_json(timezone('UTC', notes.created_at)) #>> '{}'
                            ) || 'Z' AS created_at
                    ) AS shaped
                ) AS row,
                notes.id AS id
            FROM notes
            WHERE
                notes.user_id = $2::BIGINT
                AND notes.todo_id = $3::BIGINT
                AND notes.id < $4::BIGINT
            ORDER BY notes.id DESC
            LIMIT $1::INTEGER + 1
        ) AS found
    ) AS page
WHERE todos.user_id = $2::BIGINT AND todos.id = $3::BIGINT AND todos.deleted_at IS NULL
