-- Return those of `ids` that are rows of other users, as an array. `entity`: the kind, such as `todo`.
--
-- Parameters:
--   $1 entity character varying
--   $2 ids bigint[]
--
-- Columns:
--   belong_to_another_1 bigint[]

SELECT belong_to_another($1::VARCHAR, $2::BIGINT[]) AS belong_to_another_1
