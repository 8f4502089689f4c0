-- Make todos with `keys` in one of the lists that are seen, and return the keys that no other todo has, seen or not;
-- all where no list is seen. To be rolled back.
--
-- Parameters:
--   $1 user_id bigint
--   $2 keys text[]
--
-- Columns:
--   key text

WITH tried AS (
    INSERT INTO todos (user_id, list_id, title, key)
    SELECT
        $1::BIGINT AS anon_1,
        (SELECT min(lists.id) AS min_1 FROM lists WHERE lists.user_id = $1::BIGINT) AS anon_2,
        '-',
        wanted.key AS key
    FROM unnest($2::TEXT[]) AS wanted(key)
    WHERE (SELECT min(lists.id) AS min_1 FROM lists WHERE lists.user_id = $1::BIGINT) IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING todos.key
)
SELECT tried.key
FROM tried
UNION ALL
SELECT wanted.key
FROM unnest($2::TEXT[]) AS wanted(key)
WHERE (SELECT min(lists.id) AS min_1 FROM lists WHERE lists.user_id = $1::BIGINT) IS NULL
