-- Read every note as `ExportedNote`, those of a todo together. Reads `ix_notes_todo`.
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
            notes.todo_id AS todo_id,
            notes.text AS text,
            notes.author AS author,
            (to_json(timezone('UTC', notes.created_at)) #>> '{}') || 'Z' AS created_at
    ) AS shaped
) AS row
FROM notes
WHERE notes.user_id = $1::BIGINT
ORDER BY notes.todo_id, notes.id
