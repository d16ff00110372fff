"""How frequent the letters beyond ASCII are in each language, by which the encoding of a text is found.

They were counted in the names of countries, languages, cities, months and units of Unicode's CLDR, and in names of
people, streets and occupations.
"""

from functools import cache

LETTERS = {
    "French": "é///èê/ïÉ/îôçÎâ/àë/ûóá/üí/ñãù",
    "German": "/ßüöä////éÄ/íáó/ÖãúÜ/ï",
    "Spanish": "/óí/áéñ//úÁ////üàè/ÚÍÓ",
    "Portuguese": "/çã/áíé/óêú/âôÁ/õ///üàÍ",
    "Italian": "/à/é/íìòèáó/üù/öã",
    "Dutch": "ë//éï//öóáíèü/âç/ûîú",
    "Swedish": "/öä//åé/ÅÖ/óáíÄ/üçã/ú",
    "Danish": "/æø/éå//Ø/Å/Æ/üá/óíã",
    "Norwegian": "ø/å//æéØ//Å/áíóü/ãçșú",
    "Finnish": "ä//ö/š/éž/í/óáãü/ıú/ñåłÄ",
    "Icelandic": "/óí/ð/úö/áÞýþ/Áæ/ÍéÚÓ/Ö//Æ/Ý/ü",
    "Catalan": "/àè/íò//óúéÀ/çü/ïãá/öýÍ",
    "Polish": "/ł/ńćóś/żęą/Ś/źŁŻ//é/á/íãúü",
    "Czech": "/á/íšý/éřčěž//ůú/ŠóňČ/ŽťÚ/üŘ/ď/ľ",
    "Slovak": "/á/č/šíýé/žúľ/óŠň/ČťŽ/ĽĎôäď/Ú/Áŕü/Ťö/Í",
    "Hungarian": "/áé/óő/öí/úü//űÉÚ/ÁÓ/Ü/ãÍ/Ö",
    "Romanian": "ă//ţş//â/é/Şáíó/üîã",
    "Croatian": "/ćčš/ž//Š/ČđŽ/é/áĐ/üĆóíã",
    "Slovenian": "šč//ž//Š/ČŽ//éćá/ó/üíöã",
    "Albanian": "//ç//Ç/é/á",
    "Turkish": "/ıü/ç/şğöİ/ÇŞÖ/Ü/â//éá/ÂíĞóã/û",
    "Estonian": "/äõ/üš/ž/Üö/éŠÕ/íáã/Žó/āú",
    "Latvian": "/ņā/īš/ēū/ļž/Āčķģ/Ē/ČĢ/ŠĶŽ//éŅĪ",
    "Lithuanian": "/ųė/š/čūž/Ž/Š/ČĄ//ąę",
    "Russian": "//а/оинерксл/твйуд/пмьгябы/КзхСчшжМП/АБВцТфНГЛ/ДРОИюУФЗШ/ЕЧщХэЭЯЮ/Ж/ЦёЩ",
    "Ukrainian": "//а/ониресікт/лвьуйдм/япгб/хзчКСцБ/щПжМВшАДфЛГТїО/НюРЗєІЧХ/ШФЯУЄґ/ЕЮЖ",
    "Bulgarian": "//аи/онеркв/лст/думгК/яйПбчМБпСзТъАшВ/ДжхГЛфцРНЕХИЯЧЗ/ьюФЙОЦШ/ЮЩ/УЖщ/Ъ",
    "Serbian": "//аи/нксоре/тлумјвд/пгб/зчфСшх/МКБАцП/ТџЛГжНДЈОИњВљХЕР/ФУЗ/ШЧћЏђЦ",
    "Greek": "///αοινρτ/ςεκλυάσίημ/πγόδωέΠΚύ/ήΜΑχΣφβώΤΛΕθ/ζΓΒΝΔΧΦ/ΙΡξΟ/ΖΘϊΥψ/ΗΞΆΈΐΨ/Ό",
    "Hebrew": "//יו/ראלנהמ/בקסתדטגשפ/ןעםח/זצכ/ף/ץך",
    "Arabic": "//ايل/رنوم/بدسعفك/تةجآحهشقز/أغصّطخ/ضء/ىظئإث/ُذؤ//َ",
    "Thai": "///นารเ/อกิัมีลยต์วดส/งบโถคซุท่ชูแพห/้ปะจธไศ/ณขฟภญืษำฮ/็ฐใผ/ฉฤึ/ฒ๊ฝฏฑ/ฎ",
    "Japanese": (
        "////ンー語ルア/ラスリトクイ/ドシニマカフジナバロ文字タッィコブレチュダ/るウビサすデグャガムエオキテ"
        "ェパベペセモメワプ市ミい島/ハソなボゴケ中ピネツ区ポノギし日ヒ持ョかォヴ金ザて人ヤ/ァズ国自南山諸行的"
        "っまゥ田のた部通保郡は器本領藤川町ゲ村地生西証東ゼ動会ヘホ北古ヨ主曜教質大横彼者央差ヌ言月浜君体ユ代"
        "みむら理合連/装出敵不別あ意図官ん品明新長女演反射職号立細学陶つ特倫物れ覚供給英基州料統協力子高軸電"
        "さ極ぶ名上癌略葉家加和士崎織鉱木隠見指溝続派画計符建築衝突香転風景徴小然井私追放知尿奨励目賞賛多暖厳"
        "移狭今端置引世埋め込倒残販売婦叔父前池偏緩運助楽野に索面対形/太現柔編民共進身血法術摩試け話欠乏で花"
        "落と改きじ副普近数谷原式米省師発再状況舗隊催眠韓評議創"
    ),
    "Chinese": (
        "////语/亚文尔市/工拉县路街克理斯师员马程加管经特里利巴西阿/尼纳布主比兰罗一发地务法是安维瓦人多德南"
        "卡大电塞塔业科萨计国岛/美达不古作州设索格新卢中库销品的吉鲁哥专产售以本开技有能元术北埃机行网内基生"
        "伊资英列总分门梅他提第姆车林金系米哈要乌奥那助这保希全方波部华海普目圣学其服建桂子可合关郎长为群图会"
        "客丹/家现洛苏项注字月东介欧和日坦摩运牙印单后托监洲料户问迪成秀医非个制勒雷都伯班些时信诺用体题区明"
        "教瑞析广商果站通威面研曼朗政莫件来桑齐话伦下宁玉音支划查别司得店夫入沙蒙应统种丁在欢房然场数及泰位量"
        "公展京自定汽帕顾阳奇推土营物高什丽投质只持兹港山培训瓜言士根恩济实当上切谢博森意皮期最标努手任络乐间"
        "道容影册线装事绍出所准告药么测险镑如具验福力城备拿企"
    ),
    "traditional Chinese": (
        "///文//亞員拉人爾/克斯工師馬加里巴阿利西尼程特/市島布納羅管美法理比蘭瓦一是卡作維多地縣國德達語南索"
        "安中大有科電古塔那技主設計哥薩北/業務格發體品字新庫術東內為吉不塞林子魯盧生列埃威的學這群及現助基行"
        "資金以研諾第伊能全奧洛系機元非關聖米波產台托用來烏希郎家提他山普摩會瑞保圖開姆蘇源洲班曼方哈要建什華"
        "類/明雷可位歐本教沙者伯查間車印企究個丹公根區牙門梅雅海日幣朗種部言莫專土別劃士過和之夫其們備應因志"
        "分制自披勒告服后治隆茲單經歡倫然所通森出如屬成路丁果得蒙銷太秀醫貝音進時今瓜英月化坦恩隻題覺平最麼杜"
        "政迪道到直裝具紐表麗民在鎊操社動網廷皮還物密高力次都注據竹司光福數介紹俊赫帕白營下入淑看州事你統弗奇"
        "於當三我拿水點港知堡式/小定上賽柏望支廣投史荷完宏留玉"
    ),
    "Korean": (
        "////어아/리자원스라이사시르기/및문나크타가트마카바비조관니로도지드루/제부프고구티레코디공수보인우련"
        "다오전미브세작파페키소주정영에모메랑/서쿠무산베네안일치동유남그노토학장화종계품러투국와대피포하상과"
        "달위군란호설단중차경예금운웨연양탄야터방업알통교신/케술식재용민체데테판성말발월천슬진선의랜물만즈북"
        "블츠린생두히요건배현실환앙푸팔행은누험한버벨볼엘매음간순슈골콜탈질광석링립럽갈독역섬강준랍칸후/회반"
        "개분령집애폴몬복몰료속뉴청육헤숙람감저불태너덴철온권클명평채언홍살몽콩임엔칼담빌샤림멘송여게목잠해튀"
        "형룬능검울더심롱본박틀글캐롬룩셈외융콰특핀직렘얀당삼길표축턴캄칠헨플론/논승윤솔농렛멕완맥짐내악얄응"
        "올빈없점텔틱백슨덜류훈객급냉헝법롤곤컴퓨쇼병톤맨멜흐콴왈"
    ),
}
"""The letters by their share of those beyond ASCII: first those of about 1/2, after a `/` those of about 1/4, ..."""

IDEOGRAPHIC = {
    "Japanese": ("euc_jp", 0xB0, 0xCF, 2965),
    "Chinese": ("gb2312", 0xB0, 0xD7, 3755),
    "traditional Chinese": ("big5", 0xA4, 0xC6, 5401),
    "Korean": ("euc_kr", 0xB0, 0xC8, 2350),
}
"""Languages of thousands of signs: a standard, the first bytes of its frequent signs there, and how many these are."""
LISTED = 0.7
"""The share of the signs of such a language that `LETTERS` lists."""
RARE, STRANGE = 1e-6, 1e-7
"""The probability of a rare sign of such a language, and of one that its standard lacks."""
OTHER_CASE = 0.15
"""By how much a letter is rarer in the case that is not listed."""


@cache
def shares(language: str) -> dict[str, float]:
    """The probability of each listed letter among the letters beyond ASCII of a language.

    >>> shares("German")["ö"] > shares("German")["é"] > 0
    True
    """
    found = {letter: 2.0**-place for place, group in enumerate(LETTERS[language].split("/"), 1) for letter in group}
    whole = sum(found.values()) / (LISTED if language in IDEOGRAPHIC else 1.0)
    return {letter: share / whole for letter, share in found.items()}


@cache
def letter_share(language: str, letter: str) -> float:
    """The probability of a letter or sign beyond ASCII in a language; 0 if it does not belong to it.

    >>> letter_share("Polish", "ø"), letter_share("Chinese", "優") < letter_share("Chinese", "优")
    (0.0, True)
    """
    known = shares(language)
    if letter in known:
        return known[letter]
    if letter.swapcase() in known:
        return OTHER_CASE * known[letter.swapcase()]
    return _unlisted_share(*IDEOGRAPHIC[language], letter) if language in IDEOGRAPHIC else 0.0


def _unlisted_share(standard: str, first: int, last: int, count: int, sign: str) -> float:
    """The probability of a sign that is not listed: high for the frequent ones of a standard."""
    if not sign.isalpha() or ord(sign) < 0x3000:
        return 0.0
    try:
        code = sign.encode(standard)
    except UnicodeEncodeError:
        return STRANGE
    return (1 - LISTED) / count if len(code) == 2 and first <= code[0] <= last else RARE
