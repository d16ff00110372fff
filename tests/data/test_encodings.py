"""The encoding of a text is found from its bytes, with an honest confidence, and a wrong byte costs only its row."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.test_layout import both_ways, refused

from batchwright.data.formats import encodings
from batchwright.data.formats.encoding_search import CANDIDATES, rank_encodings
from batchwright.data.formats.letters import LETTERS, letter_share, shares
from batchwright.data.formats.wrong_bytes import hide_wrong_bytes
from batchwright.data.typed.table import Table
from batchwright.errors import DataError

WORDS = {
    "cp1250": (
        "Łódź Gdańsk Poznań Wrocław Białystok Częstochowa",
        "Plzeň České Budějovice Hradec Králové Ústí nad Labem Jiří Dvořák",
        "Győr Székesfehérvár Hódmezővásárhely Kecskemét Nagykőrös",
        "Čakovec Požega Šibenik Đurđevac Varaždin",
        "Târgu Mureş Iaşi Braşov Piteşti Brăila Constanţa",
    ),
    "iso8859_2": (
        "Łódź Świdnica Zażółć gęślą jaźń Częstochowa Poznań",
        "Šumperk Žďár Jiří Božena Třebíč Liberec Děčín",
    ),
    "cp1251": (
        "Москва Новосибирск Екатеринбург Казань",
        "Київ Харків Львів Запоріжжя Вінниця",
        "Београд Ниш Крагујевац",
    ),
    "koi8_r": ("Москва Новосибирск Екатеринбург Казань",),
    "cp866": ("Москва Новосибирск Екатеринбург Казань",),
    "cp1252": (
        "Orléans Besançon Nîmes l’Isle 5 € Saint-Étienne",
        "Köln Düsseldorf größte Straße Münster",
        "São Paulo Maranhão Goiânia Belém João Conceição",
        "Malmö Göteborg Jönköping Västerås",
        "Århus Sønderborg Rødovre Næstved",
        "Córdoba Málaga Ávila España niño",
    ),
    "cp1253": ("Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο",),
    "cp1254": ("İstanbul Eskişehir Muğla Diyarbakır Şanlıurfa Ağrı", "Ayşe Fatma Çağlar Işık Gökçe yanlış doğru"),
    "cp1255": ("ירושלים תל אביב חיפה",),
    "cp1256": ("القاهرة الرياض دمشق بغداد",),
    "cp1257": ("Šiauliai Panevėžys Marijampolė Utena Kėdainiai", "Rīga Liepāja Jūrmala Daugavpils Rēzekne"),
    "cp874": ("กรุงเทพมหานคร เชียงใหม่ ภูเก็ต",),
    "cp932": (
        "東京都 大阪府 北海道 これは日本語のテキストです",
        "男性 女性 会社員 学生",
    ),
    "euc_jp": ("東京都 大阪府 北海道 これは日本語のテキストです",),
    "gb18030": ("北京市 上海市 良好 优秀 东北大学", "男 女 已婚 未婚 是 否"),
    "big5hkscs": ("臺北市 高雄市 新竹縣 優良 普通", "已婚 未婚 學生 教師 醫生"),
    "cp949": ("서울특별시 부산광역시 강남구 역삼동", "안녕하세요 대한민국 남자 여자"),
    "mac_roman": ("Málaga Córdoba Ávila España niño Logroño León",),
    "cp850": ("Köln Düsseldorf größte Straße Münster Lübeck",),
    "cp852": ("Łódź Świdnica Zażółć gęślą jaźń Częstochowa",),
}


@pytest.mark.parametrize(
    ("encoding", "text"), [(encoding, text) for encoding, texts in WORDS.items() for text in texts]
)
def test_the_encoding_is_found_from_a_few_words(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    found = rank_encodings(data)[0]
    assert data.decode(found.encoding.name) == text, found
    assert found.probability > 0.5 and found.share > 0.8


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "koi8_r", "cp1252", "cp1253", "cp1254"])
def test_words_of_capitals_are_read_as_well(encoding: str) -> None:
    text = WORDS[encoding][0].upper().replace("’L", "")
    assert text.encode(encoding).decode(rank_encodings(text.encode(encoding))[0].encoding.name) == text


def test_the_confidence_of_a_single_word_is_lower_and_the_next_encoding_is_near() -> None:
    first, second, *_ = rank_encodings("Győr".encode("cp1250"))
    several = rank_encodings("Győr Székesfehérvár Hódmezővásárhely Kecskemét Nagykőrös".encode("cp1250"))[0]
    assert first.probability < 0.95 < several.probability
    assert second.probability > 0.03


@given(st.lists(st.sampled_from(WORDS["cp1250"][1].split()), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_words_that_repeat_do_not_make_the_encoding_surer(words: list[str]) -> None:
    once, often = (rank_encodings(" ".join(each).encode("cp1250")) for each in (dict.fromkeys(words), words))
    assert [found.probability for found in once] == pytest.approx([found.probability for found in often])


def test_probabilities_are_shares() -> None:
    assert sum(found.probability for found in rank_encodings("Łódź".encode("cp1250"))) == pytest.approx(1)
    for language in LETTERS:
        assert 0.6 < sum(shares(language).values()) <= 1.0 + 1e-9
        assert all(0 < letter_share(language, letter) < 1 for letter in shares(language))
    known = {language for candidate in CANDIDATES for language in candidate.languages}
    assert known == set(LETTERS)
    for candidate in CANDIDATES:  # a table for letters that the encoding lacks would never be used
        for language in candidate.languages:
            assert any(letter.encode(candidate.name, "ignore") for letter in shares(language))


@pytest.mark.parametrize(
    ("encoding", "called"),
    [("cp1250", "Windows-1250"), ("cp1251", "Windows-1251"), ("cp932", "Shift-JIS"),
     ("cp1252", "Windows-1252"), ("gb18030", "GB18030"), ("big5hkscs", "Big5")],
)  # fmt: skip
def test_a_table_is_read_and_the_note_shows_a_word(tmp_path: Path, encoding: str, called: str) -> None:
    words = WORDS[encoding][1 if encoding == "cp1250" else 0].split()
    text = "ville,n\n" + "".join(f"{words[n % len(words)]},{n}\n" for n in range(40))
    table = both_ways(tmp_path, text.encode(encoding))
    assert table.frame["ville"].to_list() == [words[n % len(words)] for n in range(40)]
    assert table.notes[0].startswith(f"not UTF-8: read as {called} (confidence 9")
    assert any(repr(word) in table.notes[0] for word in words) and "`encoding=NAME`" in table.notes[0]


def test_bytes_that_no_language_has_are_refused(tmp_path: Path) -> None:
    data = b"a,b\n" + bytes([0xFD, 0x81, 0xF0, 0x90, 0x8D, 0xFE, 0xFF, 0x81, 0xD0]) + b",1\n" * 5
    refused(tmp_path, data, "no other encoding is plausible: in .* it reads '")


TABLE = "city,n\n" + "".join(f"Zürich {n},{n}\n" for n in range(20))
WRONG = TABLE.encode().replace("Zürich 3,".encode(), b"Z\xfcrich 3,").replace("Zürich 9,".encode(), b'"Z\xfc\nrich",')


def test_a_wrong_byte_costs_its_row(tmp_path: Path) -> None:
    refused(tmp_path, WRONG, "(?s)2 records with bytes that are no text:.*line 5, the byte 0xfc in column 'city', expe")
    refused(tmp_path, WRONG, "`on_bad_rows=drop` leaves them out. `encoding=NAME` names another encoding")
    table = both_ways(tmp_path, WRONG, on_bad_rows="drop")
    assert table.frame["n"].to_list() == [n for n in range(20) if n not in (3, 9)]
    assert "2 rows dropped: line 5 (the byte 0xfc in column 'city', expected text in UTF-8); line 11" in table.notes[-1]


@pytest.mark.parametrize("sign", [" ", ";"])
def test_wrong_bytes_are_told_where_blanks_or_semicolons_separate(tmp_path: Path, sign: str) -> None:
    text = "city,n\n" + "".join(f"Zürich,{n}\n" for n in range(20))
    wrong = text.replace(",", sign * (1 + (sign == " "))).encode().replace("Zürich".encode(), b"Z\xfcrich", 1)
    table = both_ways(tmp_path, wrong, on_bad_rows="drop")
    assert table.frame["n"].to_list() == list(range(1, 20))
    assert "line 2 (the byte 0xfc in column 'city'" in table.notes[-1]


def test_a_byte_that_another_encoding_lacks_costs_its_row(tmp_path: Path) -> None:
    wrong = TABLE.encode("cp1252").replace(b"rich 4", b"rich\x81 4")
    table: Table = both_ways(tmp_path, wrong, on_bad_rows="drop")
    assert table.frame["city"].to_list()[:5] == ["Zürich 0", "Zürich 1", "Zürich 2", "Zürich 3", "Zürich 5"]
    assert "a byte that is no text in column 'city', expected text in the encoding of the file" in table.notes[-1]


def test_a_wrong_byte_in_a_file_of_ascii_costs_its_row(tmp_path: Path) -> None:
    data = b"city,n\n" + b"".join(b"Bern%s,%d\n" % (b"\xff" * (n == 3), n) for n in range(20))
    refused(tmp_path, data, "line 5, the byte 0xff|line 5, a byte that is no text in column 'city'")
    assert both_ways(tmp_path, data, on_bad_rows="drop").rows == 19


def test_a_wrong_byte_in_the_header_is_refused(tmp_path: Path) -> None:
    data = ("ort,größe\n" + "ä,1\n" * 9).encode().replace("größe".encode(), b"gr\xf6\xc3\x9fe")
    refused(tmp_path, data, "line 1: the header holds a byte that is no text", on_bad_rows="drop")


def test_an_end_that_was_never_written_costs_its_row(tmp_path: Path) -> None:
    options: dict[str, Any] = {"on_bad_rows": "drop"}
    table = both_ways(tmp_path, TABLE.encode() + b"\0" * 50, **options)
    assert table.rows == 20 and "a NUL byte in column 'city'" in table.notes[-1]


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_hidden_bytes_are_those_that_python_finds_wrong(data: bytes) -> None:
    hidden = hide_wrong_bytes(data)
    assert len(hidden) == len(data)
    assert hidden.decode().replace("\0", "") == data.decode(errors="ignore").replace("\0", "")


@pytest.mark.parametrize(
    ("name", "word"), [("cp1252", "Zürich"), ("latin-1", "Ágo"), ("cp1252", "à"), ("cp1252", "€5")]
)
def test_text_that_was_encoded_twice_is_noted(tmp_path: Path, name: str, word: str) -> None:
    text = "city,n\n" + "".join(f"{word if n % 3 else 'Bern'},{n}\n" for n in range(9))
    data, shown = text.encode().decode(name).encode(), word.encode().decode(name)
    (note,) = both_ways(tmp_path, data).notes
    assert note == f"encoded in UTF-8 twice, as in {shown!r} for {word!r}: iconv -f UTF-8 -t {name} mends it"
    assert both_ways(tmp_path, text.encode()).notes == ()
    assert both_ways(tmp_path, data + "Genève,1\n".encode()).notes == ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "SAMPLE", 50)
        assert both_ways(tmp_path, data).notes == (note,)


def test_a_wrong_byte_in_json_names_its_line(tmp_path: Path) -> None:
    from batchwright.data.formats.source import read

    (tmp_path / "t.jsonl").write_bytes(b'{"x": 1}\n{"x": "\xfc"}\n')
    with pytest.raises(DataError, match="not text in UTF-8: line 2 holds the byte 0xfc"):
        read(tmp_path / "t.jsonl")
