-- Read of the latest changes before the change `before` those that touched the row `entity` and `entity_id`; of each
-- change this row. `limit`, `shown`, `rows`, `made_from`, `made_until`, `client`, `agent` and the columns: as in `LATEST`.
-- Reads `ix_change_entries_entity`, and for each change what `LATEST` reads.
--
-- Parameters:
--   $1 user_id bigint
--   $2 rows boolean
--   $3 shown text[]
--   $4 entity character varying
--   $5 entity_id bigint
--   $6 before bigint
--   $7 made_from timestamp with time zone
--   $8 made_until timestamp with time zone
--   $9 agent bigint
--   $10 client character varying
--   $11 limit integer
--
-- Columns:
--   rows json
--   lowest bigint
--   highest bigint
--   more boolean
--   deleted_through bigint

SELECT
    coalesce(json_agg(page.row ORDER BY page.id DESC), '[]'::json) AS rows,
    min(page.id) AS lowest,
    max(page.id) AS highest,
    coalesce(max(page.found) > count(*), false) AS more,
    (SELECT users.changes_deleted_through FROM users WHERE users.id = $1::BIGINT) AS deleted_through
FROM (
    SELECT
        (
            SELECT row_to_json(shaped) AS row_to_json_1
            FROM (
                SELECT
                    counted.id AS id,
                    (to_json(timezone('UTC', counted.at)) #>> '{}') || 'Z' AS at,
                    CASE
                        WHEN (
                            counted.operation = 'todos.complete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_1
                                    WHERE
                                        change_entries_1.user_id = counted.user_id
                                        AND change_entries_1.change_id = counted.id
                                        AND (change_entries_1.before ->> 'completed_at') IS NOT NULL
                                        AND (change_entries_1.after ->> 'completed_at') IS NULL
                                )
                            )
                        )
                        THEN 'todos.reopen'
                        WHEN (
                            counted.operation = 'todos.delete'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_2
                                    WHERE
                                        change_entries_2.user_id = counted.user_id
                                        AND change_entries_2.change_id = counted.id
                                        AND (change_entries_2.before ->> 'deleted_at') IS NOT NULL
                                        AND (change_entries_2.after ->> 'deleted_at') IS NULL
                                )
                            )
                        )
                        THEN 'todos.restore'
                        WHEN (
                            counted.operation = 'accounts.suspend'
                            AND (
                                EXISTS (
                                    SELECT 1
                                    FROM change_entries AS change_entries_3
                                    WHERE
                                        change_entries_3.user_id = counted.user_id
                                        AND change_entries_3.change_id = counted.id
                                        AND (change_entries_3.before ->> 'suspended_at') IS NOT NULL
                                        AND (change_entries_3.after ->> 'suspended_at') IS NULL
                                )
                            )
                        )
                        THEN 'accounts.reactivate'
                        ELSE counted.operation
                    END AS operation,
                    counted.via AS via,
                    counted.client AS client,
                    counted.token_id AS token_id,
                    counted.agent_id AS agent_id,
                    counted.request_id AS request_id,
                    counted.proposal_id AS proposal_id,
                    counted.approved_by AS approved_by,
                    counted.undoes AS undoes,
                    CASE
                        WHEN (counted.undoes IS NOT NULL)
                        THEN (
                            SELECT coalesce(
                                json_agg(also.change_id ORDER BY also.change_id DESC), '[]'::json
                            ) AS coalesce_1
                            FROM undone_changes AS also
                            WHERE
                                also.user_id = counted.user_id
                                AND also.undone_by = counted.id
                                AND also.change_id != counted.undoes
                        )
                        ELSE '[]'::json
                    END AS undoes_also,
                    (
                        SELECT undone_changes.undone_by
                        FROM undone_changes
                        WHERE
                            undone_changes.user_id = counted.user_id
                            AND undone_changes.change_id = counted.id
                    ) AS undone_by,
                    (
                        SELECT coalesce(
                            json_agg(
                                (
                                    SELECT row_to_json(shaped) AS row_to_json_2
                                    FROM (
                                        SELECT
                                            change_entries.entity AS entity,
                                            change_entries.entity_id AS id,
                                            coalesce(
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END ->> 'title',
                                                CASE
                                                    WHEN in_mandate(change_entries.list_after)
                                                    THEN change_entries.after
                                                END ->> 'name',
                                                (
                                                    SELECT todo.title
                                                    FROM (
                                                        SELECT coalesce(
                                                            CAST(
                                                                change_entries.after ->> 'todo_id' AS BIGINT
                                                            ),
                                                            change_entries.entity_id
                                                        ) AS id
                                                        WHERE change_entries.entity IN (
                                                            'todo', 'note'
                                                        )
                                                        LIMIT ALL
                                                        OFFSET 0
                                                    ) AS named
                                                    JOIN todos AS todo
                                                        ON todo.id = named.id
                                                        AND todo.user_id = $1::BIGINT
                                                )
                                            ) AS title,
                                            change_entries.number AS number,
                                            CASE
                                                WHEN in_mandate(change_entries.list_before)
                                                THEN change_entries.before
                                            END IS NULL AS is_new,
                                            CASE
                                                WHEN $2::BOOLEAN
                                                THEN CASE
                                                    WHEN (
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END IS NULL
                                                    )
                                                    THEN NULL::json
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'row'
                                                        ) IS NOT NULL
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN CAST(
                                                        jsonb_set(
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_before
                                                                    )
                                                                    THEN change_entries.before
                                                                END -> 'row' AS JSONB
                                                            ),
                                                            '{linked}',
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_before
                                                                    )
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
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
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
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'name',
                                                        'color',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'colour',
                                                        'is_archived',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'is_archived',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'is_deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'name',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'version',
                                                        'linked',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'linked'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'name',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'account'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_before
                                                            )
                                                            THEN change_entries.before
                                                        END -> 'deleted'
                                                    )
                                                    WHEN (
                                                        CAST(
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_before
                                                                )
                                                                THEN change_entries.before
                                                            END AS TEXT
                                                        ) LIKE '%+00:00"%'
                                                    )
                                                    THEN CAST(
                                                        regexp_replace(
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_before
                                                                    )
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
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END IS NULL
                                                    )
                                                    THEN NULL::json
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'row'
                                                        ) IS NOT NULL
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN CAST(
                                                        jsonb_set(
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_after
                                                                    )
                                                                    THEN change_entries.after
                                                                END -> 'row' AS JSONB
                                                            ),
                                                            '{linked}',
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_after
                                                                    )
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
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
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
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'name',
                                                        'color',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'colour',
                                                        'is_archived',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'is_archived',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'is_deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'linked'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'name',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'version',
                                                        'linked',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'linked'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'tag'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'name',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'name',
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'deleted',
                                                        'version',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'version'
                                                    )
                                                    WHEN (
                                                        change_entries.entity = 'account'
                                                        AND (
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END -> 'deleted'
                                                        ) IS NOT NULL
                                                    )
                                                    THEN json_build_object(
                                                        'is_deleted',
                                                        CASE
                                                            WHEN in_mandate(
                                                                change_entries.list_after
                                                            )
                                                            THEN change_entries.after
                                                        END -> 'deleted'
                                                    )
                                                    WHEN (
                                                        CAST(
                                                            CASE
                                                                WHEN in_mandate(
                                                                    change_entries.list_after
                                                                )
                                                                THEN change_entries.after
                                                            END AS TEXT
                                                        ) LIKE '%+00:00"%'
                                                    )
                                                    THEN CAST(
                                                        regexp_replace(
                                                            CAST(
                                                                CASE
                                                                    WHEN in_mandate(
                                                                        change_entries.list_after
                                                                    )
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
                                )
                                ORDER BY change_entries.number
                            ),
                            '[]'::json
                        ) AS coalesce_2
                        FROM change_entries
                        WHERE
                            change_entries.user_id = counted.user_id
                            AND change_entries.change_id = counted.id
                            AND (
                                change_entries.entity = ANY ($3::TEXT[])
                                    AND (
                                        change_entries.entity != 'account'
                                        OR change_entries.entity_id = $1::BIGINT
                                        OR (
                                            SELECT admin.role = 'admin'
                                            AND (
                                                admin.role_until > now()
                                                OR admin.issuer IN (
                                                    'urn:todo-mcp:local', 'urn:todo-mcp:operator'
                                                )
                                            ) AS anon_1
                                            FROM users AS admin
                                            WHERE admin.id = $1::BIGINT
                                        )
                                    )
                                OR change_entries.entity = 'account'
                                    AND change_entries.entity_id = $1::BIGINT
                                    AND 'own account' = ANY ($3::TEXT[])
                            )
                            AND change_entries.entity = $4::VARCHAR
                            AND change_entries.entity_id = $5::BIGINT
                            AND change_entries.number IN (
                                SELECT change_entries.number
                                FROM change_entries
                                WHERE
                                    change_entries.user_id = counted.user_id
                                    AND change_entries.change_id = counted.id
                                    AND change_entries.entity = $4::VARCHAR
                                    AND change_entries.entity_id = $5::BIGINT
                                ORDER BY change_entries.number
                                LIMIT 100
                            )
                    ) AS entries,
                    greatest(
                        counted.entries - (
                            SELECT count(*) AS count_1
                            FROM (
                                SELECT change_entries.number AS number
                                FROM change_entries
                                WHERE
                                    change_entries.user_id = counted.user_id
                                    AND change_entries.change_id = counted.id
                                    AND change_entries.entity = $4::VARCHAR
                                    AND change_entries.entity_id = $5::BIGINT
                                ORDER BY change_entries.number
                                LIMIT 100
                            ) AS asked
                        ),
                        0
                    ) AS more_entries,
                    CASE
                        WHEN (
                            counted.entries - (
                                SELECT count(*) AS count_1
                                FROM (
                                    SELECT change_entries.number AS number
                                    FROM change_entries
                                    WHERE
                                        change_entries.user_id = counted.user_id
                                        AND change_entries.change_id = counted.id
                                        AND change_entries.entity = $4::VARCHAR
                                        AND change_entries.entity_id = $5::BIGINT
                                    ORDER BY change_entries.number
                                    LIMIT 100
                                ) AS asked
                            ) > 0
                        )
                        THEN 0
                    END AS next_entry
            ) AS shaped
        ) AS row,
        counted.id AS id,
        counted.found AS found
    FROM (
        SELECT
            wanted.user_id AS user_id,
            wanted.id AS id,
            wanted.at AS at,
            wanted.operation AS operation,
            wanted.via AS via,
            wanted.client AS client,
            wanted.token_id AS token_id,
            wanted.undoes AS undoes,
            wanted.agent_id AS agent_id,
            wanted.request_id AS request_id,
            wanted.proposal_id AS proposal_id,
            wanted.approved_by AS approved_by,
            wanted.entries AS entries,
            sum(1) OVER (ORDER BY wanted.id DESC) - 1 AS already,
            row_number() OVER (ORDER BY wanted.id DESC) AS place,
            count(*) OVER () AS found
        FROM (
            SELECT
                touched.user_id AS user_id,
                touched.id AS id,
                touched.at AS at,
                touched.operation AS operation,
                touched.via AS via,
                touched.client AS client,
                touched.token_id AS token_id,
                touched.undoes AS undoes,
                touched.agent_id AS agent_id,
                touched.request_id AS request_id,
                touched.proposal_id AS proposal_id,
                touched.approved_by AS approved_by,
                coalesce(
                    (
                        SELECT max(change_entries.number) AS max_1
                        FROM change_entries
                        WHERE
                            change_entries.user_id = touched.user_id
                            AND change_entries.change_id = touched.id
                    ),
                    0
                ) AS entries
            FROM (
                SELECT DISTINCT change_entries.change_id AS change_id
                FROM change_entries
                WHERE
                    change_entries.user_id = $1::BIGINT
                    AND change_entries.entity = $4::VARCHAR
                    AND change_entries.entity_id = $5::BIGINT
                    AND (
                        change_entries.entity = ANY ($3::TEXT[])
                            AND (
                                change_entries.entity != 'account'
                                OR change_entries.entity_id = $1::BIGINT
                                OR (
                                    SELECT admin.role = 'admin'
                                    AND (
                                        admin.role_until > now()
                                        OR admin.issuer IN (
                                            'urn:todo-mcp:local', 'urn:todo-mcp:operator'
                                        )
                                    ) AS anon_1
                                    FROM users AS admin
                                    WHERE admin.id = $1::BIGINT
                                )
                            )
                        OR change_entries.entity = 'account'
                            AND change_entries.entity_id = $1::BIGINT
                            AND 'own account' = ANY ($3::TEXT[])
                    )
                    AND change_entries.change_id < $6::BIGINT
                    AND change_entries.change_id >= CASE
                        WHEN ($7::TIMESTAMP WITH TIME ZONE IS NULL) THEN 0
                        ELSE (
                            SELECT coalesce(
                                (
                                    SELECT made.id
                                    FROM changes AS made
                                    WHERE
                                        made.user_id = $1::BIGINT
                                        AND made.at >= $7::TIMESTAMP WITH TIME ZONE
                                    ORDER BY made.at, made.id
                                    LIMIT 1
                                ),
                                9223372036854775807
                            ) AS coalesce_3
                        )
                    END
                    AND change_entries.change_id < CASE
                        WHEN ($8::TIMESTAMP WITH TIME ZONE IS NULL) THEN 9223372036854775807
                        ELSE (
                            SELECT coalesce(
                                (
                                    SELECT made.id
                                    FROM changes AS made
                                    WHERE
                                        made.user_id = $1::BIGINT
                                        AND made.at >= $8::TIMESTAMP WITH TIME ZONE
                                    ORDER BY made.at, made.id
                                    LIMIT 1
                                ),
                                9223372036854775807
                            ) AS coalesce_4
                        )
                    END
                ORDER BY change_entries.change_id DESC
                LIMIT ALL
                OFFSET 0
            ) AS touching
            JOIN LATERAL (
                SELECT
                    changes.user_id AS user_id,
                    changes.id AS id,
                    changes.at AS at,
                    changes.operation AS operation,
                    changes.via AS via,
                    changes.client AS client,
                    changes.token_id AS token_id,
                    changes.undoes AS undoes,
                    changes.agent_id AS agent_id,
                    changes.request_id AS request_id,
                    changes.proposal_id AS proposal_id,
                    changes.approved_by AS approved_by
                FROM changes
                WHERE changes.user_id = $1::BIGINT AND changes.id = touching.change_id
                LIMIT ALL
                OFFSET 0
            ) AS touched
                ON true
            WHERE
                ($9::BIGINT IS NULL OR touched.agent_id = $9::BIGINT)
                AND (
                    $10::VARCHAR IS NULL
                    OR strpos(lower(coalesce(touched.client, '')), lower($10::VARCHAR)) > 0
                )
                AND (
                    $7::TIMESTAMP WITH TIME ZONE IS NULL
                    OR touched.at >= $7::TIMESTAMP WITH TIME ZONE
                )
                AND (
                    $8::TIMESTAMP WITH TIME ZONE IS NULL
                    OR touched.at < $8::TIMESTAMP WITH TIME ZONE
                )
            ORDER BY touching.change_id DESC
            LIMIT $11::INTEGER + 1
        ) AS wanted
    ) AS counted
    WHERE counted.already < 500 AND counted.place <= $11::INTEGER
) AS page
