-- Read up to which change the person has reviewed what agents did, and the newest change.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   reviewed_through bigint
--   newest bigint

SELECT
    users.reviewed_through,
    coalesce(
        (SELECT max(changes.id) AS max_1 FROM changes WHERE changes.user_id = $1::BIGINT), 0
    ) AS newest
FROM users
WHERE users.id = $1::BIGINT
