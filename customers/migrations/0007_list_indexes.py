from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.utils import DatabaseError

# The quick search looks through one text per customer; each value of a list begins a line (C24).
DOCUMENT = """
CREATE FUNCTION cim_document(text, text, text[], text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN cim_fold(coalesce($1, '') || E'\\n' || coalesce($2, '') || E'\\n' || coalesce(cim_joined($3), '')
                || E'\\n' || coalesce(cim_joined($4), ''));
"""

ON_THE_LIST = "WHERE stage = 'curated' AND deleted_at IS NULL AND merged_into_id IS NULL"

SORTED_NAMES = "".join(
    f"""
CREATE INDEX customer_by_{name} ON customers_customer ((left(cim_fold({name}), 600) COLLATE "C"), id) {ON_THE_LIST};
"""
    for name in ("first_name", "last_name")
)

TALLY = """
CREATE FUNCTION cim_tally_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_tally (stage, delta)
    SELECT stage, count(*) FROM added WHERE deleted_at IS NULL AND merged_into_id IS NULL GROUP BY stage;
    RETURN NULL;
END $$;

CREATE FUNCTION cim_tally_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_tally (stage, delta)
    SELECT stage, sum(by) FROM (
        SELECT stage, 1 AS by FROM replacing WHERE deleted_at IS NULL AND merged_into_id IS NULL
        UNION ALL
        SELECT stage, -1 FROM replaced WHERE deleted_at IS NULL AND merged_into_id IS NULL
    ) changed GROUP BY stage HAVING sum(by) <> 0;
    RETURN NULL;
END $$;

CREATE FUNCTION cim_tally_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_tally (stage, delta)
    SELECT stage, -count(*) FROM gone WHERE deleted_at IS NULL AND merged_into_id IS NULL GROUP BY stage;
    RETURN NULL;
END $$;

CREATE FUNCTION cim_tally_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM customers_tally;
    RETURN NULL;
END $$;

CREATE TRIGGER customer_is_tallied_when_inserted AFTER INSERT ON customers_customer
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION cim_tally_inserted();
CREATE TRIGGER customer_is_tallied_when_updated AFTER UPDATE ON customers_customer
    REFERENCING OLD TABLE AS replaced NEW TABLE AS replacing
    FOR EACH STATEMENT EXECUTE FUNCTION cim_tally_updated();
CREATE TRIGGER customer_is_tallied_when_deleted AFTER DELETE ON customers_customer
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION cim_tally_deleted();
CREATE TRIGGER customer_is_tallied_when_truncated AFTER TRUNCATE ON customers_customer
    FOR EACH STATEMENT EXECUTE FUNCTION cim_tally_truncated();

INSERT INTO customers_tally (stage, delta)
SELECT stage, count(*) FROM customers_customer WHERE deleted_at IS NULL AND merged_into_id IS NULL GROUP BY stage;
"""

UNDO = """
DROP TRIGGER customer_is_tallied_when_truncated ON customers_customer;
DROP TRIGGER customer_is_tallied_when_deleted ON customers_customer;
DROP TRIGGER customer_is_tallied_when_updated ON customers_customer;
DROP TRIGGER customer_is_tallied_when_inserted ON customers_customer;
DROP FUNCTION cim_tally_truncated();
DROP FUNCTION cim_tally_deleted();
DROP FUNCTION cim_tally_updated();
DROP FUNCTION cim_tally_inserted();
DELETE FROM customers_tally;
DROP INDEX customer_by_first_name, customer_by_last_name;
DROP INDEX IF EXISTS customer_by_document;
DROP FUNCTION cim_document(text, text, text[], text[]);
"""


def create_document_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Index the quick search by trigrams, where the server has the extension and we may create it; else it scans."""
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')")
        if not cursor.fetchone()[0]:
            return
        try:
            with transaction.atomic(editor.connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError:
            return
        cursor.execute(
            "CREATE INDEX customer_by_document ON customers_customer"
            " USING gin (cim_document(first_name, last_name, phones, emails) gin_trgm_ops)"
        )


class Migration(migrations.Migration):
    dependencies = [("customers", "0006_list_views_and_tallies")]

    operations = [
        migrations.RunSQL(DOCUMENT + SORTED_NAMES + TALLY, UNDO),
        migrations.RunPython(create_document_index, migrations.RunPython.noop),
    ]
