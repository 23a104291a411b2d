import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0011_guarded_history")]

    operations = [
        migrations.CreateModel(
            name="AttributeWait",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("times", models.PositiveIntegerField()),
                ("seconds", models.FloatField()),
                (
                    "attribute",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waits",
                        to="customers.attribute",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("attribute"), models.F("day"), name="attribute_wait_is_one_row_a_day"
                    )
                ],
            },
        ),
    ]
