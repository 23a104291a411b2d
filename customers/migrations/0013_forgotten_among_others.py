from django.db import migrations

# Runs with the rights of the owner, like the function that forgets versions (Q4). It takes away only, and only between
# two versions of one customer: values that the erased had, or that are `said`, and that are not the customer's own.
FORGET = """
CREATE FUNCTION customers_forget_among(host uuid, since integer, until integer, erased uuid[], said text[])
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    kept CONSTANT text[] := ARRAY['id', 'stage', 'created_at', 'created_entry_id', 'deleted_at', 'merged_into_id'];
    gone bigint;
BEGIN
    PERFORM set_config('cim.forgetting', 'on', true);
    WITH theirs AS (
        SELECT e.key, e.value FROM customers_customer c, each(hstore(c)) e WHERE c.id = ANY(erased)
        UNION SELECT e.key, e.value FROM customers_version v, each(v.before) e WHERE v.customer_id = ANY(erased)
    ), own AS (
        SELECT e.key, e.value FROM customers_customer c, each(hstore(c)) e WHERE c.id = host
        UNION SELECT e.key, e.value FROM customers_version v, each(v.before) e
            WHERE v.customer_id = host AND v.version < since
    ), listed AS (
        SELECT o.key, item FROM own o,
            unnest(CASE WHEN o.key IN ('phones', 'emails') THEN o.value::text[] ELSE '{}' END) item
    ), told AS (
        SELECT v.id, e.key, e.value FROM customers_version v, each(v.before) e
        WHERE v.customer_id = host AND v.version >= since AND v.version < until
            AND e.value IS NOT NULL AND e.key <> ALL (kept)
    ), single AS (
        SELECT t.id, array_agg(t.key) AS keys FROM told t
        WHERE t.key NOT IN ('phones', 'emails')
            AND (t.value = ANY (said) OR (t.key, t.value) IN (SELECT key, value FROM theirs WHERE value IS NOT NULL))
            AND (t.key, t.value) NOT IN (SELECT key, value FROM own WHERE value IS NOT NULL)
        GROUP BY t.id
    ), many AS (
        SELECT t.id, hstore(array_agg(t.key), array_agg((
            SELECT coalesce(array_agg(i.item ORDER BY i.place), '{}')::text
            FROM unnest(t.value::text[]) WITH ORDINALITY i(item, place)
            WHERE i.item <> ALL (said) OR (t.key, i.item) IN (SELECT key, item FROM listed)
        ))) AS lists
        FROM told t WHERE CASE WHEN t.key IN ('phones', 'emails') THEN t.value::text[] && said END GROUP BY t.id
    )
    UPDATE customers_version v
    SET before = (v.before - coalesce(s.keys, '{}')) || coalesce(m.lists, ''::hstore)
    FROM single s FULL JOIN many m ON m.id = s.id WHERE v.id = coalesce(s.id, m.id);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('cim.forgetting', '', true);
    IF gone > 0 THEN
        INSERT INTO access_auditentry (actor_name, action, via, object_type, object_id, data)
            VALUES ('', 'history.forget', 'system', 'customer', host::text, jsonb_build_object('versions', gone));
    END IF;
    RETURN gone;
END $$;

REVOKE ALL ON FUNCTION customers_forget_among(uuid, integer, integer, uuid[], text[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0012_attribute_jobs")]

    operations = [
        migrations.RunSQL(
            FORGET, "DROP FUNCTION customers_forget_among(uuid, integer, integer, uuid[], text[]);"
        ),
    ]
