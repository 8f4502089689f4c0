-- Add notes again that an undo took away, in the trash too: those for which their todo is there and has room.
--
-- `items`: a JSON array of `NoteRecorded`. `ids`: the ids of their todos. Columns: as in `REMOVE`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 items jsonb
--   $3 ids bigint[]
--
-- Columns:
--   id bigint
--   row json
--   before json
--   after json

WITH
    given AS MATERIALIZED (
        SELECT
            item.id AS id,
            item.todo_id AS todo_id,
            item.text AS text,
            item.author AS author,
            item.created_at AS created_at
        FROM jsonb_to_recordset($2::JSONB) AS item(
            id BIGINT, todo_id BIGINT, text TEXT, author TEXT, created_at TIMESTAMP WITH TIME ZONE
        )
    ),
    noted AS (
        UPDATE todos
        SET note_count=(
            todos.note_count + (
                SELECT count(*) AS count_1 FROM given WHERE todos.id = given.todo_id
            )
        )
        WHERE
            todos.user_id = $1::BIGINT
            AND todos.id = ANY ($3::BIGINT[])
            AND todos.note_count + (
                SELECT count(*) AS count_1 FROM given WHERE todos.id = given.todo_id
            ) <= 1000
        RETURNING todos.id
    ),
    added AS (
        INSERT INTO notes (user_id, id, todo_id, text, author, created_at)
        SELECT
            $1::BIGINT AS user_id,
            given.id AS id,
            given.todo_id AS todo_id,
            given.text AS text,
            given.author AS author,
            given.created_at AS created_at
        FROM given
        JOIN noted ON noted.id = given.todo_id
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
                true AS is_deleted
        ) AS shaped
    ) AS before,
    (
        SELECT row_to_json(shaped) AS row_to_json_3
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
