import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import customers.models.customer

# Runs with the rights of the owner: the role of web and workers has no DELETE on the history (Q4).
FORGET = """
CREATE FUNCTION customers_forget_versions(people uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM customers_version WHERE customer_id = ANY(people);
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_append_only_audit"),
        ("customers", "0009_merges"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=customers.models.customer.time_ordered_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by_name", models.CharField(blank=True, max_length=200)),
                (
                    "customers",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("counts", models.JSONField(default=dict)),
                (
                    "numbers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "names",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "emails",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("remembered_until", models.DateTimeField(db_index=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="access.auditentry",
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "default_permissions": (),
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["customers"], name="erasure_by_customer"
                    ),
                    django.contrib.postgres.indexes.GinIndex(fields=["numbers"], name="erasure_by_number"),
                ],
            },
        ),
        migrations.RunSQL(FORGET, "DROP FUNCTION customers_forget_versions(uuid[]);"),
    ]
