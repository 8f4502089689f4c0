-- Read the days on which the user was here, the first one first, each as JSON.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   row json

SELECT to_json(activity_days.day) AS row
FROM activity_days
WHERE activity_days.user_id = $1::BIGINT
ORDER BY activity_days.day
