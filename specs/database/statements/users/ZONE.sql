-- Read the user's time zone.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   time_zone text

SELECT users.time_zone FROM users WHERE users.id = $1::BIGINT
