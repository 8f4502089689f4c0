-- Read how the todos with `ids` look; those in archived lists are left out.
--
-- Columns: `id`, `title`, `parent_id`, `list_id`, `list`, its name, and `words`, the telling ones of the title.
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
    telling_words(todos.title) AS words
FROM todos
JOIN lists ON lists.id = todos.list_id
WHERE
    todos.user_id = $1::BIGINT
    AND lists.user_id = $1::BIGINT
    AND todos.id = ANY ($2::BIGINT[])
    AND lists.archived_at IS NULL
