-- Read every row of a change that the caller may see as `ExportedEntry`, in the order of changes.
--
-- `shown`: as in `CHANGES`. `rows`: true, for the rows before and after. Reads `pk_change_entries`.
--
-- Parameters:
--   $1 user_id bigint
--   $2 rows boolean
--   $3 shown text[]
--
-- Columns:
--   row json

SELECT (
    SELECT row_to_json(shaped) AS row_to_json_1
    FROM (
        SELECT
            change_entries.change_id AS change_id,
            (
                SELECT row_to_json(shaped) AS row_to_json_2
                FROM (
                    SELECT
                        change_entries.entity AS entity,
                        change_entries.entity_id AS id,
                        coalesce(
                            CASE
                                WHEN in_mandate(change_entries.list_after) THEN change_entries.after
                            END ->> 'title',
                            CASE
                                WHEN in_mandate(change_entries.list_after) THEN change_entries.after
                            END ->> 'name',
                            (
                                SELECT todo.title
                                FROM (
                                    SELECT coalesce(
                                        CAST(change_entries.after ->> 'todo_id' AS BIGINT),
                                        change_entries.entity_id
                                    ) AS id
                                    WHERE change_entries.entity IN ('todo', 'note')
                                    LIMIT ALL
                                    OFFSET 0
                                ) AS named
                                JOIN todos AS todo
                                    ON todo.id = named.id AND todo.user_id = $1::BIGINT
                            )
                        ) AS title,
                        change_entries.number AS number,
                        CASE
                            WHEN in_mandate(change_entries.list_before) THEN change_entries.before
                        END IS NULL AS is_new,
                        CASE
                            WHEN $2::BOOLEAN
                            THEN CASE
                                WHEN (
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END IS NULL
                                )
                                THEN NULL::json
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'row'
                                    ) IS NOT NULL
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'linked'
                                    ) IS NOT NULL
                                )
                                THEN CAST(
                                    jsonb_set(
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END -> 'row' AS JSONB
                                        ),
                                        '{linked}',
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END -> 'linked' AS JSONB
                                        )
                                    ) AS JSON
                                )
                                WHEN (
                                    (
                                        change_entries.entity = 'list'
                                        OR change_entries.entity = 'tag'
                                    )
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'row'
                                    ) IS NOT NULL
                                )
                                THEN CASE
                                    WHEN in_mandate(change_entries.list_before)
                                    THEN change_entries.before
                                END -> 'row'
                                WHEN (change_entries.entity = 'list')
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'name',
                                    'color',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'colour',
                                    'is_archived',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'is_archived',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'is_deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'linked'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'name',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'version',
                                    'linked',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'linked'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'name',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'account'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_before)
                                        THEN change_entries.before
                                    END -> 'deleted'
                                )
                                WHEN (
                                    CAST(
                                        CASE
                                            WHEN in_mandate(change_entries.list_before)
                                            THEN change_entries.before
                                        END AS TEXT
                                    ) LIKE '%+00:00"%'
                                )
                                THEN CAST(
                                    regexp_replace(
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END AS TEXT
                                        ),
                                        '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                        '\1Z"',
                                        'g'
                                    ) AS JSON
                                )
                                ELSE CASE
                                    WHEN in_mandate(change_entries.list_before)
                                    THEN change_entries.before
                                END
                            END
                        END AS before,
                        CASE
                            WHEN $2::BOOLEAN
                            THEN CASE
                                WHEN (
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END IS NULL
                                )
                                THEN NULL::json
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'row'
                                    ) IS NOT NULL
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'linked'
                                    ) IS NOT NULL
                                )
                                THEN CAST(
                                    jsonb_set(
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_after)
                                                THEN change_entries.after
                                            END -> 'row' AS JSONB
                                        ),
                                        '{linked}',
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_after)
                                                THEN change_entries.after
                                            END -> 'linked' AS JSONB
                                        )
                                    ) AS JSON
                                )
                                WHEN (
                                    (
                                        change_entries.entity = 'list'
                                        OR change_entries.entity = 'tag'
                                    )
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'row'
                                    ) IS NOT NULL
                                )
                                THEN CASE
                                    WHEN in_mandate(change_entries.list_after)
                                    THEN change_entries.after
                                END -> 'row'
                                WHEN (change_entries.entity = 'list')
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'name',
                                    'color',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'colour',
                                    'is_archived',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'is_archived',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'is_deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'linked'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'name',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'version',
                                    'linked',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'linked'
                                )
                                WHEN (
                                    change_entries.entity = 'tag'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'name',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'name',
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'deleted',
                                    'version',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'version'
                                )
                                WHEN (
                                    change_entries.entity = 'account'
                                    AND (
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END -> 'deleted'
                                    ) IS NOT NULL
                                )
                                THEN json_build_object(
                                    'is_deleted',
                                    CASE
                                        WHEN in_mandate(change_entries.list_after)
                                        THEN change_entries.after
                                    END -> 'deleted'
                                )
                                WHEN (
                                    CAST(
                                        CASE
                                            WHEN in_mandate(change_entries.list_after)
                                            THEN change_entries.after
                                        END AS TEXT
                                    ) LIKE '%+00:00"%'
                                )
                                THEN CAST(
                                    regexp_replace(
                                        CAST(
                                            CASE
                                                WHEN in_mandate(change_entries.list_after)
                                                THEN change_entries.after
                                            END AS TEXT
                                        ),
                                        '("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"',
                                        '\1Z"',
                                        'g'
                                    ) AS JSON
                                )
                                ELSE CASE
                                    WHEN in_mandate(change_entries.list_after)
                                    THEN change_entries.after
                                END
                            END
                        END AS after
                ) AS shaped
            ) AS entry
    ) AS shaped
) AS row
FROM change_entries
WHERE
    change_entries.user_id = $1::BIGINT
    AND (
        change_entries.entity = ANY ($3::TEXT[])
            AND (
                change_entries.entity != 'account'
                OR change_entries.entity_id = $1::BIGINT
                OR (
                    SELECT admin.role = 'admin'
                    AND (
                        admin.role_until > now()
                        OR admin.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
                    ) AS anon_1
                    FROM users AS admin
                    WHERE admin.id = $1::BIGINT
                )
            )
        OR change_entries.entity = 'account'
            AND change_entries.entity_id = $1::BIGINT
            AND 'own account' = ANY ($3::TEXT[])
    )
ORDER BY change_entries.change_id, change_entries.number
