"""An answer that is sent while it is made: a file of any size in little memory."""

from collections.abc import AsyncIterator, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse


class Stream(StreamingHttpResponse):
    """Sends what an iterator yields as it comes, under ASGI too: the iterator is advanced in the database's thread."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(cast("Iterator[bytes]", self.streaming_content))
        while (part := await sync_to_async(lambda: next(parts, None))()) is not None:
            yield part
