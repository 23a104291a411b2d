from django.db import migrations

# An erasure says so in its transaction (cim.erasing); everybody else is refused (I10, C17).
PROTECT = """
CREATE FUNCTION cim_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('cim.erasing', true) = 'on' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'events of interactions are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER event_stays BEFORE DELETE OR
    UPDATE OF interaction_id, event_id, type, occurred_at, received_at, said, fingerprint, by_hand
    ON interactions_event FOR EACH ROW EXECUTE FUNCTION cim_event_stays();
"""

UNPROTECT = "DROP TRIGGER event_stays ON interactions_event; DROP FUNCTION cim_event_stays();"


class Migration(migrations.Migration):
    dependencies = [("interactions", "0001_interactions")]

    operations = [migrations.RunSQL(PROTECT, UNPROTECT)]
