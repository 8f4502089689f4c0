-- Look for open todos that may look the same as new ones with `titles`.
--
-- Columns: `n`, the place of the title, from 1; the telling `words` of the title; `alike_key`, which titles share that may
-- look the same; `alike`, ids as JSON, some of them twice. Reads `ix_todos_open_alike`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 titles text[]
--
-- Columns:
--   n integer
--   words text[]
--   alike_key bigint
--   alike json

SELECT
    asked.n,
    asked.words,
    asked.alike_key,
    to_json(
        array_cat(
            array(
                (
                    SELECT there.id
                    FROM todos AS there
                    WHERE
                        there.user_id = $1::BIGINT
                        AND there.deleted_at IS NULL
                        AND there.completed_at IS NULL
                        AND there.alike_key = asked.alike_key
                        AND there.same_key = asked.same_key
                    LIMIT 8
                )
            ),
            array(
                (
                    SELECT there.id
                    FROM todos AS there
                    WHERE
                        there.user_id = $1::BIGINT
                        AND there.deleted_at IS NULL
                        AND there.completed_at IS NULL
                        AND there.alike_key = asked.alike_key
                    LIMIT 8
                )
            )
        )
    ) AS alike
FROM (
    SELECT
        CAST(given.n AS INTEGER) AS n,
        telling_words(given.title) AS words,
        keys_1.alike_key AS alike_key,
        keys_1.same_key AS same_key
    FROM unnest($2::TEXT[]) WITH ORDINALITY AS given(title, n)
    JOIN LATERAL likeness_keys(given.title) AS keys_1(alike_key, same_key) ON true
) AS asked
