-- Read the distinct words of the user's 2,000 newest live todos as an array, to offer near matches.
--
-- Reads `ix_todos_live_created`.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   coalesce_1 text[]

SELECT coalesce(array_agg(words.word), '{}'::text[]) AS coalesce_1
FROM (
    SELECT DISTINCT unnest(tsvector_to_array(newest.search)) AS word
    FROM (
        SELECT todos.search AS search
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NULL
        ORDER BY todos.created_at DESC, todos.id DESC
        LIMIT 2000
    ) AS newest
) AS words
WHERE words.word NOT LIKE 'user:%'
