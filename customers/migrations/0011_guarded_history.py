import django.db.models.deletion
from django.db import migrations, models

# These run with the rights of the owner: the role of web and workers changes no version and deletes none (Q4).
GUARD = """
CREATE FUNCTION customers_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('cim.forgetting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the history of customers is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER history_stays BEFORE UPDATE OR DELETE ON customers_version
    FOR EACH STATEMENT EXECUTE FUNCTION customers_history_stays();

CREATE OR REPLACE FUNCTION customers_forget_versions(people uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('cim.forgetting', 'on', true);
    DELETE FROM customers_version WHERE customer_id = ANY(people);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('cim.forgetting', '', true);
    INSERT INTO access_auditentry (actor_name, action, via, object_type, object_id, data)
        VALUES ('', 'history.forget', 'system', 'customer', '',
                jsonb_build_object('customers', to_jsonb(people), 'versions', gone));
    RETURN gone;
END $$;

CREATE FUNCTION customers_analyze_keys() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    ANALYZE customers_duplicatekey;
END $$;

REVOKE ALL ON FUNCTION customers_forget_versions(uuid[]), customers_analyze_keys() FROM PUBLIC;
"""

UNGUARD = """
DROP FUNCTION customers_analyze_keys();
DROP TRIGGER history_stays ON customers_version;
DROP FUNCTION customers_history_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0010_erasures"), ("access", "0002_append_only_audit")]

    operations = [
        migrations.AlterField(
            "version",
            "customer",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="versions",
                to="customers.customer",
            ),
        ),
        migrations.AlterField(
            "version",
            "entry",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="access.auditentry",
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
