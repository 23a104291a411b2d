"""Days and times in French: 19 nov. 2026."""

DATE_FORMAT = "j N Y"
SHORT_DATETIME_FORMAT = "j N Y H:i"
DATETIME_FORMAT = "j N Y H:i:s"
MONTH_DAY_FORMAT = "j N"
