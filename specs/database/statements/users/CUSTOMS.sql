-- Read what the user's dates are read by: time zone, first day of the week, locale.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   time_zone text
--   week_start text
--   locale text

SELECT users.time_zone, users.week_start, users.locale FROM users WHERE users.id = $1::BIGINT
