from django.db import models

from customers.models.customer import Stage


class Tally(models.Model):
    """By how many one statement changed the number of customers of a stage; their sum is how many there are (C25).

    Written by triggers on the customer table, so that the list knows its total without counting a million rows. Rows
    are only added: writers never wait for each other. A background job sums old ones up.
    """

    id = models.BigAutoField(primary_key=True)
    stage = models.CharField(max_length=10, choices=Stage)
    delta = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.stage} {self.delta:+}"
