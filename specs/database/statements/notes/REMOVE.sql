-- Delete the notes with `ids`, as an undo does. Columns: `row` (`NoteRead`), `before` and `after` (`NoteRecorded`).
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   row json
--   before json
--   after json

WITH
    removed AS (
        DELETE FROM notes
        WHERE notes.user_id = $1::BIGINT AND notes.id = ANY ($2::BIGINT[])
        RETURNING
            notes.user_id,
            notes.id,
            notes.todo_id,
            notes.text,
            notes.author,
            notes.created_at,
            notes.words
    ),
    per_todo AS (
        SELECT removed.todo_id AS todo_id, count(*) AS count FROM removed GROUP BY removed.todo_id
    ),
    counted AS (
        UPDATE todos
        SET note_count=(todos.note_count - per_todo.count)
        FROM per_todo
        WHERE todos.user_id = $1::BIGINT AND todos.id = per_todo.todo_id
    )
SELECT
    removed.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                removed.id AS id,
                removed.todo_id AS todo_id,
                removed.text AS text,
                removed.author AS author,
                (to_json(timezone('UTC', removed.created_at)) #>> '{}') || 'Z' AS created_at
        ) AS shaped
    ) AS row,
    (
        SELECT row_to_json(shaped) AS row_to_json_2
        FROM (
            SELECT
                removed.id AS id,
                removed.todo_id AS todo_id,
                removed.text AS text,
                removed.author AS author,
                (to_json(timezone('UTC', removed.created_at)) #>> '{}') || 'Z' AS created_at,
                false AS is_deleted
        ) AS shaped
    ) AS before,
    (
        SELECT row_to_json(shaped) AS row_to_json_3
        FROM (
            SELECT
                removed.id AS id,
                removed.todo_id AS todo_id,
                removed.text AS text,
                removed.author AS author,
                (to_json(timezone('UTC', removed.created_at)) #>> '{}') || 'Z' AS created_at,
                true AS is_deleted
        ) AS shaped
    ) AS after
FROM removed
