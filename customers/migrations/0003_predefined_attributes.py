from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

PREDEFINED = [
    ("first_name", "First name", "text"),
    ("last_name", "Last name", "text"),
    ("phones", "Phones", "phones"),
    ("emails", "Emails", "emails"),
    ("address", "Address", "text"),
    ("postal_code", "Postal code", "text"),
    ("crm_id", "CRM id", "text"),
    ("account_id", "Account id", "text"),
    ("language", "Language", "text"),
    ("created_at", "Created", "datetime"),
    ("updated_at", "Updated", "datetime"),
]


def create_predefined(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    attribute = apps.get_model("customers", "Attribute")
    attribute.objects.bulk_create(
        attribute(key=key, label=label, type=kind, position=place, is_custom=False, index_state="ready")
        for place, (key, label, kind) in enumerate(PREDEFINED, 1)
    )


def delete_predefined(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("customers", "Attribute").objects.filter(is_custom=False).delete()


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_folding_and_history")]

    operations = [migrations.RunPython(create_predefined, delete_predefined)]
