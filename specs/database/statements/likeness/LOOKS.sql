-- Read how the todos with `ids` look; those in archived lists are left out.
--
-- Columns: `id`, `title`, `parent_id`, `list_id`, `list`, its name, and `words`, the telling ones of the title. Of todos
-- with the same title one alone has them, the others null.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   id bigint
--   title text
--   parent_id bigint
--   list_id bigint
--   list text
--   words text[]

SELECT
    todos.id,
    todos.title,
    todos.parent_id,
    todos.list_id,
    lists.name AS list,
    CASE
        WHEN (row_number() OVER (PARTITION BY todos.title COLLATE "C") = 1)
        THEN telling_words(todos.title)
    END AS words
FROM todos
JOIN lists ON lists.id = todos.list_id
WHERE
    todos.user_id = $1::BIGINT
    AND lists.user_id = $1::BIGINT
    AND todos.id = ANY ($2::BIGINT[])
    AND lists.archived_at IS NULL
