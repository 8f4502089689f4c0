-- Add a note to each of the live todos with `ids` that has room for one.
--
-- `items`: a JSON array of objects with `todo_id`, each once, and `text`. Who adds it: `author`; if that is null, the name
-- of the API token `token_id`; and `otherwise` without such a token.
-- Columns: the note's `id`, its `todo_id`, its `NoteRead` as `row` and its `NoteRecorded` as `after`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 author character varying
--   $3 token_id bigint
--   $4 otherwise character varying
--   $5 items jsonb
--   $6 ids bigint[]
--
-- Columns:
--   id bigint
--   todo_id bigint
--   row json
--   after json

WITH
    noted AS (
        UPDATE todos
        SET note_count=(todos.note_count + 1)
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($6::BIGINT[])
            AND todos.note_count < 1000
            AND todos.deleted_at IS NULL
        RETURNING todos.id
    ),
    added AS (
        INSERT INTO notes (user_id, todo_id, text, author, created_at)
        SELECT
            $1::BIGINT AS user_id,
            item.todo_id AS todo_id,
            item.text AS text,
            coalesce(
                $2::VARCHAR,
                (
                    SELECT api_tokens.name
                    FROM api_tokens
                    WHERE api_tokens.user_id = $1::BIGINT AND api_tokens.id = $3::BIGINT
                ),
                $4::VARCHAR
            ) AS author,
            statement_timestamp() AS created_at
        FROM jsonb_to_recordset($5::JSONB) AS item(todo_id BIGINT, text TEXT)
        JOIN noted ON noted.id = item.todo_id
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
    added.todo_id,
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                added.id AS id,
                added.todo_id AS todo_id,
                added.text AS text,
                added.author AS author,
                (to_json(timezone('UTC', added.created_at)) #>> '{}') || 'Z' AS created_at
        ) AS shaped
    ) AS row,
    (
        SELECT row_to_json(shaped) AS row_to_json_2
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
