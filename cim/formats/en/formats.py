"""Days and times in English: 19 Nov 2026, in 24 hours."""

DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y H:i"
DATETIME_FORMAT = "j M Y H:i:s"
MONTH_DAY_FORMAT = "j M"
