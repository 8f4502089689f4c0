-- Tell an agent that sees some lists only which of the changes `ids` touched something else, too, but for tags that it
-- made. Reads `pk_change_entries`.
--
-- Parameters:
--   $1 ids bigint[]
--   $2 user_id bigint
--
-- Columns:
--   id bigint

SELECT named.id
FROM unnest($1::BIGINT[]) AS named(id)
WHERE rows_of_change(named.id, false) > (
    SELECT count(*) AS count_1
    FROM change_entries
    WHERE
        change_entries.user_id = $2::BIGINT
        AND change_entries.change_id = named.id
        AND in_mandate(change_entries.list_before)
        AND in_mandate(change_entries.list_after)
)
