from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from customers.folding import fold_sql

KEEP_VERSION = """
CREATE FUNCTION cim_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_version (customer_id, version, at, entry_id, before)
    SELECT o.id, o.version, now(), nullif(current_setting('cim.audit_entry', true), '')::bigint,
           (hstore(o) - hstore(n)) - ARRAY['version', 'updated_at']
    FROM replaced o JOIN replacing n ON n.id = o.id
    WHERE n.version <> o.version;
    RETURN NULL;
END $$;

CREATE TRIGGER customer_keeps_versions AFTER UPDATE ON customers_customer
    REFERENCING OLD TABLE AS replaced NEW TABLE AS replacing
    FOR EACH STATEMENT EXECUTE FUNCTION cim_keep_version();
"""

INDEXES = """
CREATE INDEX customer_by_email ON customers_customer USING gin (cim_fold_all(emails)) WHERE emails <> '{}';
CREATE INDEX customer_by_crm_id ON customers_customer (crm_id COLLATE "C") WHERE crm_id IS NOT NULL;
CREATE INDEX customer_by_account_id ON customers_customer (account_id COLLATE "C") WHERE account_id IS NOT NULL;
"""

DROP = """
DROP INDEX customer_by_email, customer_by_crm_id, customer_by_account_id;
DROP TRIGGER customer_keeps_versions ON customers_customer;
DROP FUNCTION cim_keep_version();
DROP FUNCTION cim_joined(text[]);
DROP FUNCTION cim_fold_all(text[]);
DROP FUNCTION cim_fold(text);
DROP FUNCTION cim_fold_wide(text);
"""


def create_fold(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Create the folding functions on the server's own C.UTF-8: built in from PostgreSQL 17 on, the C library's before."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'C.utf8', 'C.UTF-8')"
            " ORDER BY collname DESC LIMIT 1"
        )
        found = cursor.fetchone()
        for statement in fold_sql(found[0] if found else "default"):
            cursor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_customers_and_attributes")]

    operations = [
        migrations.RunPython(create_fold, migrations.RunPython.noop),
        migrations.RunSQL(KEEP_VERSION + INDEXES, DROP),
    ]
