-- Store that the address whose secret has the SHA-256 `hash` is used now, unless that was stored in the last minute.
--
-- Parameters:
--   $1 hash bytea

UPDATE calendars
SET last_used_at=now()
WHERE
    calendars.hash = $1::BYTEA
    AND coalesce(calendars.last_used_at <= now() - make_interval(secs=>60.0), true)
