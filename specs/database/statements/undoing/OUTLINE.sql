-- Read which rows the changes `ids` touched, the latest change first.
--
-- Columns: `change_id`, `entity` and `id`; `is_new`, whether the change made the row; `is_moved`, whether it gave it
-- another place among its siblings, and `is_swept`, whether together with its whole list; `is_merged`, whether it joined a
-- tag with another one, or took them apart; `is_gone`, whether it deleted a list, or brought one back. Reads
-- `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 ids bigint[]
--
-- Columns:
--   change_id bigint
--   entity text
--   id bigint
--   is_new boolean
--   is_moved boolean
--   is_swept boolean
--   is_merged boolean
--   is_gone boolean

SELECT
    change_entries.change_id,
    change_entries.entity,
    change_entries.entity_id AS id,
    change_entries.before IS NULL AS is_new,
    (change_entries.before ->> 'place') IS NOT NULL
    AND (change_entries.before ->> 'place') IS DISTINCT FROM (
        change_entries.after ->> 'place'
    ) AS is_moved,
    (change_entries.before ->> 'place') IS NOT NULL
    AND (change_entries.before ->> 'place') IS DISTINCT FROM (change_entries.after ->> 'place')
    AND (
        (change_entries.before -> 'parent_id') IS NULL
        OR ((change_entries.before -> 'place') -> 'after') IS NULL
    ) AS is_swept,
    (change_entries.before -> 'linked') IS NOT NULL
    OR (change_entries.after -> 'linked') IS NOT NULL AS is_merged,
    change_entries.entity = 'list'
    AND change_entries.before IS NOT NULL
    AND (change_entries.before ->> 'is_deleted') IS DISTINCT FROM (
        change_entries.after ->> 'is_deleted'
    ) AS is_gone
FROM change_entries
WHERE change_entries.user_id = $1::BIGINT AND change_entries.change_id = ANY ($2::BIGINT[])
ORDER BY change_entries.change_id DESC, change_entries.number
