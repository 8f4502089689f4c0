-- Add notes, in the order of `n`, to todos that count them already (`note_count`).
--
-- `items`: a JSON array of objects with `n`, `todo_id`, `text`, `author` and `created_at`, which may be null: then it is
-- `now`. Columns: the `id` of each, and `after`, its `NoteRecorded`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 now timestamp with time zone
--   $3 items jsonb
--
-- Columns:
--   id bigint
--   after json

WITH added AS (
    INSERT INTO notes (user_id, todo_id, text, author, created_at)
    SELECT
        $1::BIGINT AS user_id,
        item.todo_id AS todo_id,
        item.text AS text,
        item.author AS author,
        coalesce(item.created_at, $2::TIMESTAMP WITH TIME ZONE) AS created_at
    FROM jsonb_to_recordset($3::JSONB) AS item(
        n INTEGER, todo_id BIGINT, text TEXT, author TEXT, created_at TIMESTAMP WITH TIME ZONE
    )
    ORDER BY item.n
    RETURNING
        notes.user_id,
        notes.id,
        notes.todo_id,
        notes.text,
        notes.author,
        notes.created_at,
        notes.words
)
SELECT
    added.id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                added.id AS id,
                added.todo_id AS todo_id,
                added.text AS text,
                added.author AS author,
                (to_json(timezone('UTC', added.created_at)) #>> '{}') || 'Z' AS created_at,
                false AS is_deleted
        ) AS shaped
    ) AS after
FROM added
ORDER BY added.id
