-- Read what the overview says of the user.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   time_zone text
--   display_name text
--   locale text
--   week_start text

SELECT users.time_zone, users.display_name, users.locale, users.week_start
FROM users
WHERE users.id = $1::BIGINT
