-- Return those of `ids` that are calendar addresses of other users, as an array.
--
-- Parameters:
--   $1 ids bigint[]
--
-- Columns:
--   calendars_of_others_1 bigint[]

SELECT calendars_of_others($1::BIGINT[]) AS calendars_of_others_1
