"""What the server itself says to a person, in the languages of the pages. What folders hold is said as it is there."""

from typing import Any

WORDS = {
    "gone": {
        "en": "There is no such folder any more, or there never was: the table shows those that there are.",
        "zh": "该文件夹已不在，或从未有过：表中列出了现有的文件夹。",
    },
    "busy": {
        "en": "Another report is being made. Ask again when it is done.",
        "zh": "正在生成另一份报告，请在它完成后再试。",
    },
    "no report": {"en": "The report is not made yet.", "zh": "报告尚未生成。"},
    "not trained": {
        "en": "The run is not being trained: it has the status {now}.",
        "zh": "该训练不在进行中：其状态为 {now}。",
    },
    "note": {"en": "A note is a text of at most {most} characters.", "zh": "笔记最多 {most} 个字符。"},
    "tags": {"en": "Tags are at most {most} texts.", "zh": "标签最多 {most} 个。"},
    "tag": {"en": "A tag has at most {most} characters.", "zh": "每个标签最多 {most} 个字符。"},
}


class Refused(Exception):  # noqa: N818 - it becomes an answer
    """A request that cannot be answered, with the status of the answer and the key of its sentence."""

    def __init__(self, status: int, key: str, **given: Any) -> None:
        super().__init__(key)
        self.status, self.key, self.given = status, key, given

    def say(self, language: str) -> str:
        """The sentence in a language."""
        return WORDS[self.key][language].format(**self.given)
