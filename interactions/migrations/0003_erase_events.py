from django.db import migrations

# Runs with the rights of the owner: the role of web and workers changes no event (I10, Q4).
ERASE = """
CREATE FUNCTION interactions_erase_events(interactions uuid[], personal text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    emptied bigint;
BEGIN
    PERFORM set_config('cim.erasing', 'on', true);
    UPDATE interactions_event SET said = said - personal WHERE interaction_id = ANY(interactions);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    PERFORM set_config('cim.erasing', '', true);
    INSERT INTO access_auditentry (actor_name, action, via, object_type, object_id, data)
        VALUES ('', 'events.erase', 'system', 'interaction', '',
                jsonb_build_object('interactions', to_jsonb(interactions), 'events', emptied));
    RETURN emptied;
END $$;

REVOKE ALL ON FUNCTION interactions_erase_events(uuid[], text[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("interactions", "0002_events_are_append_only"), ("access", "0002_append_only_audit")]

    operations = [migrations.RunSQL(ERASE, "DROP FUNCTION interactions_erase_events(uuid[], text[]);")]
