-- Count what is in the user's own account, as `Held`; and the keyed hash of issuer and subject, in hex.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   row json
--   known_as text

SELECT
    (
        SELECT row_to_json(shaped) AS row_to_json_1
        FROM (
            SELECT
                (
                    SELECT count(*) AS count_1
                    FROM todos
                    WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NULL
                ) AS todos,
                (
                    SELECT count(*) AS count_2
                    FROM todos
                    WHERE todos.user_id = $1::BIGINT AND todos.deleted_at IS NOT NULL
                ) AS trashed_todos,
                (SELECT count(*) AS count_3 FROM lists WHERE lists.user_id = $1::BIGINT) AS lists,
                (SELECT count(*) AS count_4 FROM tags WHERE tags.user_id = $1::BIGINT) AS tags,
                (SELECT count(*) AS count_5 FROM notes WHERE notes.user_id = $1::BIGINT) AS notes,
                (
                    SELECT count(*) AS count_6 FROM changes WHERE changes.user_id = $1::BIGINT
                ) AS changes,
                (
                    SELECT count(*) AS count_7 FROM api_tokens WHERE api_tokens.user_id = $1::BIGINT
                ) AS tokens,
                (
                    SELECT count(*) AS count_8 FROM calendars WHERE calendars.user_id = $1::BIGINT
                ) AS calendars,
                (
                    SELECT count(*) AS count_9 FROM agents WHERE agents.user_id = $1::BIGINT
                ) AS agents,
                (
                    SELECT count(*) AS count_10 FROM proposals WHERE proposals.user_id = $1::BIGINT
                ) AS proposals
        ) AS shaped
    ) AS row,
    encode(
        sha256(
            (SELECT installation.cursor_key FROM installation) || sha256(
                (convert_to(users.issuer, 'UTF8') || decode('00', 'hex')) || convert_to(
                    users.subject, 'UTF8'
                )
            )
        ),
        'hex'
    ) AS known_as
FROM users
WHERE users.id = $1::BIGINT
