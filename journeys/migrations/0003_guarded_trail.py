import django.db.models.deletion
from django.db import migrations, models

# The trail of a context goes with it, which the database does by itself, and is emptied by an erasure, with the rights
# of the owner: the role of web and workers changes and deletes none of it (J3, Q4).
GUARD = """
DO $$
DECLARE
    bound text;
BEGIN
    SELECT conname INTO STRICT bound FROM pg_constraint
        WHERE conrelid = 'journeys_contextversion'::regclass AND confrelid = 'journeys_context'::regclass;
    EXECUTE format('ALTER TABLE journeys_contextversion DROP CONSTRAINT %I, ADD CONSTRAINT %I'
        ' FOREIGN KEY (context_id) REFERENCES journeys_context (id) ON DELETE %s DEFERRABLE INITIALLY DEFERRED',
        bound, bound, '{}');
END $$;
"""

ERASE = """
CREATE FUNCTION journeys_erase_trail(contexts uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    emptied bigint;
BEGIN
    UPDATE journeys_contextversion SET state = NULL WHERE context_id = ANY(contexts);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    INSERT INTO access_auditentry (actor_name, action, via, object_type, object_id, data)
        VALUES ('', 'trail.erase', 'system', 'context', '',
                jsonb_build_object('contexts', to_jsonb(contexts), 'versions', emptied));
    RETURN emptied;
END $$;

REVOKE ALL ON FUNCTION journeys_erase_trail(uuid[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("journeys", "0002_flows"), ("access", "0002_append_only_audit")]

    operations = [
        migrations.AlterField(
            "contextversion",
            "context",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="versions",
                to="journeys.context",
            ),
        ),
        migrations.RunSQL(GUARD.format("CASCADE"), GUARD.format("NO ACTION")),
        migrations.RunSQL(ERASE, "DROP FUNCTION journeys_erase_trail(uuid[]);"),
    ]
