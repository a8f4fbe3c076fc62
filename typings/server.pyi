from typing import Any

class PromptServer:
    instance: PromptServer
    def send_progress_text(self, text: str, node_id: str) -> None: ...
    client_id: str | None
    def send_sync(self, event: str, data: dict[str, Any], sid: str | None = None) -> None: ...
