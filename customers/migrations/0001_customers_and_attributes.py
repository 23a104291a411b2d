import django.contrib.postgres.fields
import django.contrib.postgres.fields.hstore
import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import HStoreExtension
from django.db import migrations, models

import customers.models.customer


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "__first__"),
    ]

    operations = [
        HStoreExtension(),
        migrations.CreateModel(
            name="Attribute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=40, unique=True)),
                ("label", models.CharField(max_length=100)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("boolean", "Yes or no"),
                            ("date", "Date"),
                            ("datetime", "Date and time"),
                            ("phone", "Phone"),
                            ("email", "Email"),
                            ("url", "Web address"),
                            ("choice", "Choice"),
                            ("phones", "List of phones"),
                            ("emails", "List of emails"),
                        ],
                        max_length=10,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=500)),
                ("required", models.BooleanField(default=False)),
                ("default", models.TextField(blank=True, null=True)),
                ("pii", models.BooleanField(default=False)),
                ("read_only_for_agents", models.BooleanField(default=False)),
                (
                    "options",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
                    ),
                ),
                ("max_length", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("fast", models.BooleanField(default=False)),
                (
                    "index_state",
                    models.CharField(
                        choices=[
                            ("none", "Not indexed"),
                            ("building", "Index is being built"),
                            ("ready", "Indexed"),
                            ("dropping", "Index is being dropped"),
                            ("failed", "Index could not be built"),
                        ],
                        default="none",
                        max_length=10,
                    ),
                ),
                ("position", models.PositiveIntegerField(default=0)),
                ("is_custom", models.BooleanField(default=True)),
                ("seat", models.PositiveSmallIntegerField(blank=True, null=True, unique=True)),
                ("slot", models.PositiveSmallIntegerField(blank=True, null=True, unique=True)),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("label"), name="attribute_label_is_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("seat", None), ("seat__range", (1, 50)), _connector="OR"),
                        name="attribute_seat_is_one_of_fifty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slot", None), ("slot__range", (1, 64)), _connector="OR"),
                        name="attribute_slot_exists",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("archived_at", None),
                                ("is_custom", True),
                                ("seat__isnull", False),
                                ("slot__isnull", False),
                            ),
                            models.Q(("archived_at__isnull", False), ("is_custom", True), ("seat", None)),
                            models.Q(
                                ("archived_at", None), ("is_custom", False), ("seat", None), ("slot", None)
                            ),
                            _connector="OR",
                        ),
                        name="attribute_is_seated_iff_custom_and_active",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Customer",
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
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("ephemeral", "Ephemeral"),
                            ("identified", "Identified"),
                            ("curated", "Curated"),
                        ],
                        default="curated",
                        max_length=10,
                    ),
                ),
                ("first_name", models.TextField(blank=True, null=True)),
                ("last_name", models.TextField(blank=True, null=True)),
                (
                    "phones",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "emails",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                ("address", models.TextField(blank=True, null=True)),
                ("postal_code", models.TextField(blank=True, null=True)),
                ("crm_id", models.TextField(blank=True, null=True)),
                ("account_id", models.TextField(blank=True, null=True)),
                ("language", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("text_1", models.TextField(blank=True, null=True)),
                ("number_1", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_1", models.DateTimeField(blank=True, null=True)),
                ("text_2", models.TextField(blank=True, null=True)),
                ("number_2", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_2", models.DateTimeField(blank=True, null=True)),
                ("text_3", models.TextField(blank=True, null=True)),
                ("number_3", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_3", models.DateTimeField(blank=True, null=True)),
                ("text_4", models.TextField(blank=True, null=True)),
                ("number_4", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_4", models.DateTimeField(blank=True, null=True)),
                ("text_5", models.TextField(blank=True, null=True)),
                ("number_5", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_5", models.DateTimeField(blank=True, null=True)),
                ("text_6", models.TextField(blank=True, null=True)),
                ("number_6", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_6", models.DateTimeField(blank=True, null=True)),
                ("text_7", models.TextField(blank=True, null=True)),
                ("number_7", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_7", models.DateTimeField(blank=True, null=True)),
                ("text_8", models.TextField(blank=True, null=True)),
                ("number_8", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_8", models.DateTimeField(blank=True, null=True)),
                ("text_9", models.TextField(blank=True, null=True)),
                ("number_9", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_9", models.DateTimeField(blank=True, null=True)),
                ("text_10", models.TextField(blank=True, null=True)),
                ("number_10", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_10", models.DateTimeField(blank=True, null=True)),
                ("text_11", models.TextField(blank=True, null=True)),
                ("number_11", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_11", models.DateTimeField(blank=True, null=True)),
                ("text_12", models.TextField(blank=True, null=True)),
                ("number_12", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_12", models.DateTimeField(blank=True, null=True)),
                ("text_13", models.TextField(blank=True, null=True)),
                ("number_13", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_13", models.DateTimeField(blank=True, null=True)),
                ("text_14", models.TextField(blank=True, null=True)),
                ("number_14", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_14", models.DateTimeField(blank=True, null=True)),
                ("text_15", models.TextField(blank=True, null=True)),
                ("number_15", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_15", models.DateTimeField(blank=True, null=True)),
                ("text_16", models.TextField(blank=True, null=True)),
                ("number_16", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_16", models.DateTimeField(blank=True, null=True)),
                ("text_17", models.TextField(blank=True, null=True)),
                ("number_17", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_17", models.DateTimeField(blank=True, null=True)),
                ("text_18", models.TextField(blank=True, null=True)),
                ("number_18", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_18", models.DateTimeField(blank=True, null=True)),
                ("text_19", models.TextField(blank=True, null=True)),
                ("number_19", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_19", models.DateTimeField(blank=True, null=True)),
                ("text_20", models.TextField(blank=True, null=True)),
                ("number_20", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_20", models.DateTimeField(blank=True, null=True)),
                ("text_21", models.TextField(blank=True, null=True)),
                ("number_21", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_21", models.DateTimeField(blank=True, null=True)),
                ("text_22", models.TextField(blank=True, null=True)),
                ("number_22", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_22", models.DateTimeField(blank=True, null=True)),
                ("text_23", models.TextField(blank=True, null=True)),
                ("number_23", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_23", models.DateTimeField(blank=True, null=True)),
                ("text_24", models.TextField(blank=True, null=True)),
                ("number_24", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_24", models.DateTimeField(blank=True, null=True)),
                ("text_25", models.TextField(blank=True, null=True)),
                ("number_25", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_25", models.DateTimeField(blank=True, null=True)),
                ("text_26", models.TextField(blank=True, null=True)),
                ("number_26", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_26", models.DateTimeField(blank=True, null=True)),
                ("text_27", models.TextField(blank=True, null=True)),
                ("number_27", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_27", models.DateTimeField(blank=True, null=True)),
                ("text_28", models.TextField(blank=True, null=True)),
                ("number_28", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_28", models.DateTimeField(blank=True, null=True)),
                ("text_29", models.TextField(blank=True, null=True)),
                ("number_29", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_29", models.DateTimeField(blank=True, null=True)),
                ("text_30", models.TextField(blank=True, null=True)),
                ("number_30", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_30", models.DateTimeField(blank=True, null=True)),
                ("text_31", models.TextField(blank=True, null=True)),
                ("number_31", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_31", models.DateTimeField(blank=True, null=True)),
                ("text_32", models.TextField(blank=True, null=True)),
                ("number_32", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_32", models.DateTimeField(blank=True, null=True)),
                ("text_33", models.TextField(blank=True, null=True)),
                ("number_33", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_33", models.DateTimeField(blank=True, null=True)),
                ("text_34", models.TextField(blank=True, null=True)),
                ("number_34", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_34", models.DateTimeField(blank=True, null=True)),
                ("text_35", models.TextField(blank=True, null=True)),
                ("number_35", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_35", models.DateTimeField(blank=True, null=True)),
                ("text_36", models.TextField(blank=True, null=True)),
                ("number_36", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_36", models.DateTimeField(blank=True, null=True)),
                ("text_37", models.TextField(blank=True, null=True)),
                ("number_37", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_37", models.DateTimeField(blank=True, null=True)),
                ("text_38", models.TextField(blank=True, null=True)),
                ("number_38", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_38", models.DateTimeField(blank=True, null=True)),
                ("text_39", models.TextField(blank=True, null=True)),
                ("number_39", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_39", models.DateTimeField(blank=True, null=True)),
                ("text_40", models.TextField(blank=True, null=True)),
                ("number_40", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_40", models.DateTimeField(blank=True, null=True)),
                ("text_41", models.TextField(blank=True, null=True)),
                ("number_41", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_41", models.DateTimeField(blank=True, null=True)),
                ("text_42", models.TextField(blank=True, null=True)),
                ("number_42", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_42", models.DateTimeField(blank=True, null=True)),
                ("text_43", models.TextField(blank=True, null=True)),
                ("number_43", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_43", models.DateTimeField(blank=True, null=True)),
                ("text_44", models.TextField(blank=True, null=True)),
                ("number_44", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_44", models.DateTimeField(blank=True, null=True)),
                ("text_45", models.TextField(blank=True, null=True)),
                ("number_45", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_45", models.DateTimeField(blank=True, null=True)),
                ("text_46", models.TextField(blank=True, null=True)),
                ("number_46", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_46", models.DateTimeField(blank=True, null=True)),
                ("text_47", models.TextField(blank=True, null=True)),
                ("number_47", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_47", models.DateTimeField(blank=True, null=True)),
                ("text_48", models.TextField(blank=True, null=True)),
                ("number_48", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_48", models.DateTimeField(blank=True, null=True)),
                ("text_49", models.TextField(blank=True, null=True)),
                ("number_49", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_49", models.DateTimeField(blank=True, null=True)),
                ("text_50", models.TextField(blank=True, null=True)),
                ("number_50", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_50", models.DateTimeField(blank=True, null=True)),
                ("text_51", models.TextField(blank=True, null=True)),
                ("number_51", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_51", models.DateTimeField(blank=True, null=True)),
                ("text_52", models.TextField(blank=True, null=True)),
                ("number_52", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_52", models.DateTimeField(blank=True, null=True)),
                ("text_53", models.TextField(blank=True, null=True)),
                ("number_53", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_53", models.DateTimeField(blank=True, null=True)),
                ("text_54", models.TextField(blank=True, null=True)),
                ("number_54", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_54", models.DateTimeField(blank=True, null=True)),
                ("text_55", models.TextField(blank=True, null=True)),
                ("number_55", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_55", models.DateTimeField(blank=True, null=True)),
                ("text_56", models.TextField(blank=True, null=True)),
                ("number_56", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_56", models.DateTimeField(blank=True, null=True)),
                ("text_57", models.TextField(blank=True, null=True)),
                ("number_57", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_57", models.DateTimeField(blank=True, null=True)),
                ("text_58", models.TextField(blank=True, null=True)),
                ("number_58", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_58", models.DateTimeField(blank=True, null=True)),
                ("text_59", models.TextField(blank=True, null=True)),
                ("number_59", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_59", models.DateTimeField(blank=True, null=True)),
                ("text_60", models.TextField(blank=True, null=True)),
                ("number_60", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_60", models.DateTimeField(blank=True, null=True)),
                ("text_61", models.TextField(blank=True, null=True)),
                ("number_61", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_61", models.DateTimeField(blank=True, null=True)),
                ("text_62", models.TextField(blank=True, null=True)),
                ("number_62", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_62", models.DateTimeField(blank=True, null=True)),
                ("text_63", models.TextField(blank=True, null=True)),
                ("number_63", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_63", models.DateTimeField(blank=True, null=True)),
                ("text_64", models.TextField(blank=True, null=True)),
                ("number_64", models.DecimalField(blank=True, decimal_places=10, max_digits=38, null=True)),
                ("time_64", models.DateTimeField(blank=True, null=True)),
                (
                    "created_entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="access.auditentry",
                    ),
                ),
                (
                    "merged_into",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="merged",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Identifier",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("email", "Email"),
                            ("web", "Web id"),
                            ("whatsapp", "WhatsApp"),
                            ("facebook", "Facebook"),
                            ("instagram", "Instagram"),
                            ("x", "X"),
                            ("line", "LINE"),
                            ("external", "External id"),
                            ("crm", "CRM id"),
                            ("phone", "Phone"),
                        ],
                        max_length=10,
                    ),
                ),
                ("value", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identifiers",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "color",
                    models.CharField(
                        choices=[
                            ("blue", "Blue"),
                            ("green", "Green"),
                            ("amber", "Amber"),
                            ("red", "Red"),
                            ("violet", "Violet"),
                            ("cyan", "Cyan"),
                            ("pink", "Pink"),
                            ("grey", "Grey"),
                        ],
                        default="blue",
                        max_length=10,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"), name="label_name_is_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerLabel",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labelled",
                        to="customers.customer",
                    ),
                ),
                (
                    "label",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labelled",
                        to="customers.label",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Never",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="customers.customer"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Phone",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.TextField()),
                ("typed", models.TextField()),
                (
                    "used_in",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(blank=True, null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="owned_phones",
                        to="customers.customer",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SlotLease",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField()),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("number", "Number"),
                            ("boolean", "Yes or no"),
                            ("date", "Date"),
                            ("datetime", "Date and time"),
                            ("phone", "Phone"),
                            ("email", "Email"),
                            ("url", "Web address"),
                            ("choice", "Choice"),
                            ("phones", "List of phones"),
                            ("emails", "List of emails"),
                        ],
                        max_length=10,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                (
                    "attribute",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="leases",
                        to="customers.attribute",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("before", django.contrib.postgres.fields.hstore.HStoreField()),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="customers.customer",
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
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(models.F("created_at"), models.F("id"), name="customer_by_created_at"),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(models.F("updated_at"), models.F("id"), name="customer_by_updated_at"),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                models.F("merged_into"),
                condition=models.Q(("merged_into__isnull", False)),
                name="customer_by_survivor",
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                models.F("deleted_at"),
                condition=models.Q(("deleted_at__isnull", False)),
                name="customer_by_deleted_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(("version__gte", 1)), name="customer_version_starts_at_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("merged_into", None),
                    models.Q(("merged_into", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="customer_is_not_merged_into_itself",
            ),
        ),
        migrations.AddIndex(
            model_name="identifier",
            index=models.Index(models.F("value"), models.F("type"), name="identifier_by_value"),
        ),
        migrations.AddConstraint(
            model_name="identifier",
            constraint=models.UniqueConstraint(
                models.F("customer"),
                models.F("type"),
                models.F("value"),
                name="identifier_is_listed_once_per_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="customerlabel",
            index=models.Index(models.F("label"), models.F("customer"), name="customer_by_label"),
        ),
        migrations.AddConstraint(
            model_name="customerlabel",
            constraint=models.UniqueConstraint(
                models.F("customer"), models.F("label"), name="label_is_put_once_on_a_customer"
            ),
        ),
        migrations.AddConstraint(
            model_name="never",
            constraint=models.UniqueConstraint(
                models.F("customer"), models.F("other"), name="never_is_said_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="never",
            constraint=models.CheckConstraint(
                condition=models.Q(("customer__lt", models.F("other"))), name="never_has_the_lower_id_first"
            ),
        ),
        migrations.AddIndex(
            model_name="phone",
            index=models.Index(models.F("customer"), models.F("number"), name="phone_by_customer"),
        ),
        migrations.AddIndex(
            model_name="phone",
            index=models.Index(
                models.F("number"),
                models.F("valid_from"),
                condition=models.Q(("valid_to__isnull", False)),
                name="phone_once_owned",
            ),
        ),
        migrations.AddConstraint(
            model_name="phone",
            constraint=models.UniqueConstraint(
                models.F("number"),
                condition=models.Q(("valid_to", None)),
                include=("customer",),
                name="phone_belongs_to_one_customer",
            ),
        ),
        migrations.AddConstraint(
            model_name="slotlease",
            constraint=models.UniqueConstraint(
                models.F("slot"),
                condition=models.Q(("until", None)),
                name="slot_is_leased_to_one_attribute_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.UniqueConstraint(
                models.F("customer"), models.F("version"), name="version_ends_once"
            ),
        ),
    ]
