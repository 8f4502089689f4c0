-- Find the change that keeps the change `id` from being undone: the latest one after it to one of the rows in question.
--
-- One that still stands comes before one that was itself undone; only the latest `LOOK_BACK` of a row are looked at.
-- `entities` and `entity_ids`: these rows, by kind and id; with them the tags of todos with the ids `tagged`, deleted
-- ones, too. `reverted`: later changes that the same request has reverted. Reads `ix_change_entries_entity`,
-- `pk_todo_tags`, `pk_undone_changes` and `ix_undone_changes_by`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 entities text[]
--   $4 entity_ids bigint[]
--   $5 tagged bigint[]
--   $6 reverted bigint[]
--
-- Columns:
--   coalesce_1 bigint

SELECT coalesce(
    max(touching.id) FILTER (
        WHERE
            (
                NOT (
                    EXISTS (
                        SELECT undone_changes.change_id
                        FROM undone_changes
                        WHERE
                            undone_changes.user_id = $1::BIGINT
                            AND undone_changes.undone_by = touching.id
                            AND undone_changes.change_id >= $2::BIGINT
                    )
                )
                OR (
                    EXISTS (
                        SELECT undone_changes.change_id
                        FROM undone_changes
                        WHERE
                            undone_changes.user_id = $1::BIGINT
                            AND undone_changes.undone_by = touching.id
                            AND undone_changes.change_id < $2::BIGINT
                    )
                )
            )
            AND NOT (
                EXISTS (
                    SELECT undone_changes.change_id
                    FROM undone_changes
                    WHERE
                        undone_changes.user_id = $1::BIGINT
                        AND undone_changes.change_id = touching.id
                )
            )
    ),
    max(touching.id)
) AS coalesce_1
FROM (
    SELECT given.entity AS entity, given.id AS id
    FROM unnest($3::TEXT[], $4::BIGINT[]) AS given(entity, id)
    UNION ALL
    SELECT 'tag', todo_tags.tag_id AS tag_id
    FROM todo_tags
    WHERE todo_tags.user_id = $1::BIGINT AND todo_tags.todo_id = ANY ($5::BIGINT[])
) AS in_question
JOIN LATERAL (
    SELECT change_entries.change_id AS id
    FROM change_entries
    WHERE
        change_entries.user_id = $1::BIGINT
        AND change_entries.entity = in_question.entity
        AND change_entries.entity_id = in_question.id
        AND change_entries.change_id > $2::BIGINT
        AND change_entries.change_id != ALL ($6::BIGINT[])
    ORDER BY change_entries.change_id DESC
    LIMIT 100
) AS touching
    ON true
