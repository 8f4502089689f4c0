-- Set the moment by which todos are due on each of `days`: that of `ends` at the same place.
--
-- A todo due on a day stays due on that day, so its version stays.
--
-- Parameters:
--   $1 days date[]
--   $2 ends timestamp with time zone[]
--   $3 user_id bigint

UPDATE todos
SET due_at=days.ending
FROM unnest($1::DATE[], $2::TIMESTAMP WITH TIME ZONE[]) AS days(day, ending)
WHERE todos.user_id = $3::BIGINT AND todos.due_on = days.day
