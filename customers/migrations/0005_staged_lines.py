from django.db import migrations

TEXTS = ("first_name", "last_name", "address", "postal_code", "crm_id", "account_id", "language")
SLOTS = range(1, 65)

# Checked rows on their way into the customer table, in columns of the same names and types. Unlogged: what a crash of the
# server empties is read again from the file. Without a foreign key, so that a run can be deleted without a scan.
STAGE = f"""
CREATE UNLOGGED TABLE customers_importline (
    run_id uuid NOT NULL,
    line integer NOT NULL,
    uses text NOT NULL,
    lacking text,
    lacking_update text,
    {", ".join(f"{name} text" for name in TEXTS)},
    phones text[],
    emails text[],
    {", ".join(f"text_{slot} text, number_{slot} numeric, time_{slot} timestamptz" for slot in SLOTS)},
    PRIMARY KEY (run_id, line)
);
ALTER TABLE customers_importline SET (autovacuum_vacuum_scale_factor = 0.5);
"""

# Pieces of files are read once or twice: compressing them costs more than it saves.
PLAIN_PIECES = "ALTER TABLE customers_importpiece ALTER COLUMN data SET STORAGE EXTERNAL"


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_imports")]

    operations = [
        migrations.RunSQL(STAGE, "DROP TABLE customers_importline"),
        migrations.RunSQL(PLAIN_PIECES, migrations.RunSQL.noop),
    ]
