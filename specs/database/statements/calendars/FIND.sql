-- Find the address whose secret has the SHA-256 `hash`, by `uq_calendars_hash`: nothing of one that is revoked, of a
-- person who is suspended, or of a list that is deleted.
--
-- Parameters:
--   $1 hash bytea
--
-- Columns:
--   id bigint
--   user_id bigint
--   list_id bigint
--   shows text
--   list_name text
--   time_zone text
--   last_use_is_old boolean

SELECT
    calendars.id,
    calendars.user_id,
    calendars.list_id,
    calendars.shows,
    lists.name AS list_name,
    users.time_zone,
    coalesce(calendars.last_used_at <= now() - make_interval(secs=>60.0), true) AS last_use_is_old
FROM calendars
JOIN users ON users.id = calendars.user_id
LEFT OUTER JOIN lists
    ON lists.user_id = calendars.user_id
    AND lists.id = calendars.list_id
    AND lists.deleted_at IS NULL
WHERE
    calendars.hash = $1::BYTEA
    AND calendars.revoked_at IS NULL
    AND (calendars.list_id IS NULL OR lists.id IS NOT NULL)
