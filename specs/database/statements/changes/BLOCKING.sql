-- Find the change that keeps the change `id` from being undone: the latest one after it to the same row.
--
-- One that still stands comes before one that was itself undone; only the latest `LOOK_BACK` are looked at. `entity` and
-- `entity_id`: the row. `reverted`: later changes that the same request has reverted. Reads `ix_change_entries_entity`,
-- `pk_undone_changes` and `ix_undone_changes_by`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 id bigint
--   $3 entity character varying
--   $4 entity_id bigint
--   $5 reverted bigint[]
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
    SELECT change_entries.change_id AS id
    FROM change_entries
    WHERE
        change_entries.user_id = $1::BIGINT
        AND change_entries.entity = $3::VARCHAR
        AND change_entries.entity_id = $4::BIGINT
        AND change_entries.change_id > $2::BIGINT
        AND change_entries.change_id != ALL ($5::BIGINT[])
    ORDER BY change_entries.change_id DESC
    LIMIT 100
) AS touching
