-- Read the time zone and the first day of the week of the user.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   time_zone text
--   week_start text

SELECT users.time_zone, users.week_start FROM users WHERE users.id = $1::BIGINT
