import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0004_welcome"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="RoleRule",
            fields=[
                (
                    "role",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rule",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                ("second_factor", models.BooleanField(default=False)),
            ],
            options={"default_permissions": ()},
        ),
    ]
