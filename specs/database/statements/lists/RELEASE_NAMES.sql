-- Make the name keys of the lists with `ids` different from every other, until `REVISE` sets them: no name has a line
-- break.
--
-- `uq_lists_name` checks each row on its own, so two lists can trade names only by way of a third name.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]

UPDATE lists
SET name_key=(lists.name_key || '
' || CAST(lists.id AS TEXT))
WHERE lists.user_id = $1::BIGINT AND lists.id = ANY ($2::BIGINT[])
