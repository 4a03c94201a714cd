"""States and countries under all the names people give them, English and Spanish, and the codes they stand for.

A place that is not listed keeps its own name: the lists make agreement, they refuse nothing.
"""

from collections.abc import Mapping

from bridge.core.folding import without_accents

_STATES = """
AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
DC District of Columbia/Washington DC|FL Florida|GA Georgia|HI Hawaii/Hawái|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas
KY Kentucky|LA Louisiana/Luisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi/Misisipi
MO Missouri/Misuri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire/Nuevo Hampshire|NJ New Jersey/Nueva Jersey
NM New Mexico/Nuevo México|NY New York/Nueva York|NC North Carolina/Carolina del Norte|ND North Dakota/Dakota del Norte|OH Ohio
OK Oklahoma|OR Oregon/Oregón|PA Pennsylvania/Pensilvania|RI Rhode Island|SC South Carolina/Carolina del Sur
SD South Dakota/Dakota del Sur|TN Tennessee|TX Texas/Tejas|UT Utah|VT Vermont|VA Virginia|WA Washington
WV West Virginia/Virginia Occidental|WI Wisconsin|WY Wyoming|PR Puerto Rico|VI Virgin Islands/US Virgin Islands|GU Guam
AS American Samoa|MP Northern Mariana Islands|AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick
NL Newfoundland and Labrador|NT Northwest Territories|NS Nova Scotia|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec
SK Saskatchewan|YT Yukon Territory/Yukon
"""

_COUNTRIES = """
US United States/United States of America/USA/Estados Unidos/Estados Unidos de América/EEUU/EE UU|CA Canada|MX Mexico
PR Puerto Rico|GT Guatemala|HN Honduras|SV El Salvador|NI Nicaragua|CR Costa Rica|PA Panama|CU Cuba|HT Haiti
DO Dominican Republic/República Dominicana|JM Jamaica|CO Colombia|VE Venezuela|EC Ecuador|PE Peru|BO Bolivia|CL Chile
AR Argentina|UY Uruguay|PY Paraguay|BR Brazil/Brasil|ES Spain/España|PT Portugal|FR France/Francia|IT Italy/Italia
DE Germany/Alemania|GB United Kingdom/UK/Great Britain/Reino Unido|IE Ireland/Irlanda|PH Philippines/Filipinas|IN India|CN China
"""


def _key(name: str) -> str:
    return without_accents(name).casefold().replace(".", "").strip()


def _read(listed: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for entry in listed.strip().replace("\n", "|").split("|"):
        code, _, given = entry.partition(" ")
        spellings = given.split("/")
        names[code] = spellings[0]
        codes.update({_key(each): code for each in (code, *spellings)})
    return codes, names


_STATE_CODES, _STATE_NAMES = _read(_STATES)
_COUNTRY_CODES, _COUNTRY_NAMES = _read(_COUNTRIES)


def state(text: str) -> str:
    """The postal code of a state or province of the United States or Canada, or `text` where it is none."""
    return _STATE_CODES.get(_key(text), text)


def country(text: str) -> str:
    """The ISO 3166 code of a country, or `text` where it is not listed."""
    return _COUNTRY_CODES.get(_key(text), text)


def state_name(code: str) -> str:
    """The English name that CiviCRM gives a state, or `code` itself where it is not listed."""
    return _STATE_NAMES.get(code, code)


def country_name(code: str) -> str:
    """The English name that CiviCRM gives a country, or `code` itself where it is not listed."""
    return _COUNTRY_NAMES.get(code, code)
