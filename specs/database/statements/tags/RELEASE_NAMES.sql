-- Make the name keys of the tags with `ids` different from every other, until `REVISE` sets them: no name has a line
-- break.
--
-- `uq_tags_name` checks each row on its own, so two tags can exchange names only by way of a third name.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]

UPDATE tags
SET name_key=(tags.name_key || '
' || CAST(tags.id AS TEXT))
WHERE tags.user_id = $1::BIGINT AND tags.id = ANY ($2::BIGINT[])
