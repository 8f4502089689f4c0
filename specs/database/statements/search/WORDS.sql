-- Read the words of a question, and those that the user's newest live todos have, to compare them.
--
-- `text`: the question. Its row: `asked`, a JSON array of at most 32 words in their order, each with `follows`, whether it
-- is the next pair of a run without spaces, and `is_known`, whether one of these todos or a note on it has it; `known`,
-- distinct words of 4 to 40 characters with spaces between them, the most frequent first, null where there are none. At
-- most 2,000 todos and 20,000 of their words are read, and of the 2,000 newest notes those on them, and 10,000 of their
-- words. Reads `ix_todos_live_created` and `pk_notes`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 text character varying
--
-- Columns:
--   known text
--   asked json

WITH
    newest AS MATERIALIZED (
        SELECT todos.id AS id, todos.words AS words
        FROM todos
        WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NULL
        ORDER BY todos.created_at DESC, todos.id DESC
        LIMIT 2000
    ),
    noted AS MATERIALIZED (
        SELECT last.todo_id AS id, last.words AS words
        FROM (
            SELECT notes.todo_id AS todo_id, notes.words AS words
            FROM notes
            WHERE notes.user_id = $1::BIGINT
            ORDER BY notes.id DESC
            LIMIT 2000
        ) AS last
        WHERE (SELECT jsonb_object_agg(newest.id, true) AS jsonb_object_agg_1 FROM newest) ? CAST(
            last.todo_id AS TEXT
        )
    ),
    term AS MATERIALIZED (
        SELECT
            terms.word AS word,
            terms.term AS term,
            terms.follows AS follows,
            terms.is_common AS is_common,
            terms.n AS n
        FROM search_terms(
            $2::VARCHAR,
            (
                SELECT language_of(users.locale) AS language_of_1
                FROM users
                WHERE users.id = $1::BIGINT
            )
        ) WITH ORDINALITY AS terms(word, term, follows, is_common, n)
        ORDER BY terms.n
        LIMIT 32
    )
SELECT
    (
        SELECT string_agg(
            counted.word, ' ' ORDER BY counted.times DESC, counted.word
        ) AS string_agg_1
        FROM (
            SELECT "some".word AS word, count(*) AS times
            FROM (
                SELECT anon_1.word AS word
                FROM (
                    SELECT unnest(
                        tsvector_to_array(ts_filter(newest.words, '{a,b}'::"char"[]))
                    ) AS word
                    FROM newest
                    LIMIT 20000
                ) AS anon_1
                UNION ALL
                SELECT anon_2.word AS word
                FROM (
                    SELECT unnest(
                        tsvector_to_array(ts_filter(noted.words, '{a,b}'::"char"[]))
                    ) AS word
                    FROM noted
                    LIMIT 10000
                ) AS anon_2
            ) AS "some"
            WHERE char_length("some".word) BETWEEN 4 AND 40
            GROUP BY "some".word
        ) AS counted
    ) AS known,
    array_to_json(
        array(
            (
                SELECT json_build_object(
                    'word',
                    term.word,
                    'follows',
                    term.follows,
                    'is_known',
                    (
                        EXISTS (
                            SELECT newest.id
                            FROM newest
                            WHERE newest.words @@ CAST(term.term AS TSQUERY)
                        )
                    )
                    OR (
                        EXISTS (
                            SELECT noted.id
                            FROM noted
                            WHERE noted.words @@ CAST(term.term AS TSQUERY)
                        )
                    )
                ) AS json_build_object_1
                FROM term
                ORDER BY term.n
            )
        )
    ) AS asked
