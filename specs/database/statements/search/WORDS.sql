-- Read distinct words of the user's newest live todos, with spaces between them, to offer near matches.
--
-- At most 2,000 todos and 20,000 of their words are read. Null where there are none. Reads `ix_todos_live_created`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   string_agg_1 text

SELECT string_agg(words.word, ' ') AS string_agg_1
FROM (
    SELECT DISTINCT read.word AS word
    FROM (
        SELECT unnest(tsvector_to_array(newest.search)) AS word
        FROM (
            SELECT todos.search AS search
            FROM todos
            WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NULL
            ORDER BY todos.created_at DESC, todos.id DESC
            LIMIT 2000
        ) AS newest
        LIMIT 20000
    ) AS read
    WHERE read.word NOT LIKE 'user:%' AND char_length(read.word) <= 40
) AS words
