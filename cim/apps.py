from django.apps import AppConfig


class CimConfig(AppConfig):
    name = "cim"

    def ready(self) -> None:
        from cim import erasure_log
        from customers.signals import customer_erased

        customer_erased.connect(erasure_log.note_after_commit, dispatch_uid="cim.note_erasure")
