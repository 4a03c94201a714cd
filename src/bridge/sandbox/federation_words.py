"""The words of the seeded federation: names of co-ops and people, places, and the ways staff write the same thing.

Phone numbers are of the range 555-0100 to 555-0199 and addresses end in `.example`, so that nobody real is ever reached.
"""

import random
import unicodedata
from typing import Final


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


STEMS: Final = _listed(
    "Arroyo,Red Hen,Blue Heron,Mano a Mano,Tierra Viva,Rising Sun,Cedar Grove,Rio Bravo,Golden Loaf,Manos Unidas,"
    "Sol y Luna,Prairie Fire,Copper Kettle,Nuevo Día,Stone Bridge,Esperanza,Wild Plum,Común,Evergreen,La Semilla,"
    "Iron Lily,Nopal,Harbor Light,Colibrí,Black Walnut,Amanecer,Third Coast,Raíces,Bread & Roses,Maíz,Lantern,"
    "Fuerza Local,North Star,Jacarandá,Union Street,El Camino,River Birch,Estrella,Open Door,Girasol,Greenway,Montaña,"
    "Silver Maple,Luciérnaga,High Tide,Corazón,Sagebrush,Ñandú,Full Circle,Peñasco,Good Work,Mariposa,Piñón,Aurora"
)
TRADES: Final = _listed(
    "Bakery,Home Care,Cleaning,Landscaping,Printing,Catering,Builders,Bike Works,Child Care,Translation,Coffee & Tea,"
    "Solar,Farm,Grocery,Taxi,Paint & Paper,Software,Sewing,Brewery,Carpentry,Panadería,Limpieza,Jardinería,Cocina,Construcción,"
    "Cuidado en Casa,Textiles,Imprenta"
)
SUFFIXES: Final = ("", " Cooperative", " Co-op", " Worker Cooperative", ", LLC", " Cooperative, Inc.", " Coop", " SC")

FIRST_NAMES: Final = _listed(
    "Ana,José,María,Luis,Rosa,Miguel,Sofía,Ángel,Lucía,Raúl,Inés,Óscar,Belén,Tomás,Noelia,Martín,Xiomara,Héctor,Itzel,"
    "Julián,Grace,James,Keisha,Daniel,Emily,Marcus,Hannah,Tyrone,Olivia,Peter,Nadia,Samuel,Priya,David,Mei,Robert,Aisha,"
    "Thomas,Claire,Andre,Joy,Victor,Renée,Omar,Ruth,Leo,Zoë,Malik,Faith,Hugo,Siobhán,Kofi,Elena,Walter,Yolanda,Dmitri"
)
LAST_NAMES: Final = _listed(
    "García,Rodríguez,Martínez,Hernández,López,Pérez,Sánchez,Ramírez,Torres,Núñez,Peña,Ibáñez,Muñoz,Gómez,Vásquez,"
    "Castillo,Ortiz,Moreno,Romero,Medina,Smith,Johnson,Williams,Brown,Jones,Davis,Miller,Wilson,Anderson,Thomas,Jackson,"
    "White,Harris,Nguyen,Kim,Patel,Chen,Okafor,Adeyemi,O'Brien,O'Neil,Kowalski,Schmidt,Rossi,Silva,Santos,Haddad,Cohen,"
    "Murphy,Baptiste,Toussaint,Washington,Freeman,Bell,Price,Reed,Ward,Cook,Fisher,Lambert,Müller,Lindqvist,Tran,Ali"
)
CITIES: Final = tuple(
    (city, state, area, postal_code)
    for city, state, area, postal_code in (
        each.split("/")
        for each in _listed(
            "Holyoke/MA/413/01040,Boston/MA/617/02118,Brooklyn/NY/718/11216,Ithaca/NY/607/14850,Newark/NJ/973/07102,"
            "Philadelphia/PA/215/19104,Pittsburgh/PA/412/15206,Baltimore/MD/410/21218,Durham/NC/919/27701,"
            "Atlanta/GA/404/30310,Miami/FL/305/33127,Jackson/MS/601/39203,New Orleans/LA/504/70117,Houston/TX/713/77004,"
            "Austin/TX/512/78702,San Antonio/TX/210/78207,El Paso/TX/915/79901,Albuquerque/NM/505/87102,Tucson/AZ/520/85713,"
            "Denver/CO/303/80205,Los Angeles/CA/213/90011,Oakland/CA/510/94601,Richmond/CA/510/94801,Fresno/CA/559/93721,"
            "San Francisco/CA/415/94110,Portland/OR/503/97211,Seattle/WA/206/98118,Minneapolis/MN/612/55407,"
            "Madison/WI/608/53704,Milwaukee/WI/414/53204,Chicago/IL/312/60608,Detroit/MI/313/48208,Cleveland/OH/216/44103,"
            "Cincinnati/OH/513/45214,Louisville/KY/502/40212,Burlington/VT/802/05401,Portland/ME/207/04101,"
            "Washington/DC/202/20009"
        )
    )
)
STATE_NAMES: Final = {"MA": "Massachusetts", "NY": "New York", "TX": "Texas", "CA": "California", "PA": "Pennsylvania"}
STREETS: Final = ("Main St", "Maple Ave", "Cesar Chavez Blvd", "MLK Jr Way", "Mill Rd", "Calle Ocho", "Union St", "2nd Ave")

STRANGE_NAMES: Final = tuple(
    f"{stem} {trade}"
    for stem in ("Zócalo", "Quetzal", "Yarrow", "Kudzu")
    for trade in ("Glassworks", "Upholstery", "Locksmiths", "Pottery", "Kombucha")
)
HOSTILE_NAMES: Final = (
    "<!channel> Bakers",
    '=HYPERLINK("http://evil.example","Bakery")',
    "<script>alert(1)</script> Press",
    "@here & <b>Sons</b>",
    "+1-413 *Bold* _Movers_",
)

_PHONE_FORMS: Final = ("({0}) {1}-{2}", "{0}-{1}-{2}", "+1 {0} {1} {2}", "{0}.{1}.{2}", "1{0}{1}{2}", "{0}{1}{2}")


def coop_names(rng: random.Random, count: int) -> list[str]:
    """So many names without legal suffix, no two of them alike even after folding."""
    pairs = [f"{stem} {trade}" for stem in STEMS for trade in TRADES]
    return rng.sample(pairs, count)


def slug(text: str) -> str:
    """The letters and digits of a text in plain ASCII, for addresses."""
    plain = unicodedata.normalize("NFD", text.lower()).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain if letter.isalnum())


def phone_number(rng: random.Random, area: str) -> str:
    """Ten digits of a number that is never given to anybody."""
    return f"{area}55501{rng.randrange(100):02}"


def phone_as_written(rng: random.Random, digits: str) -> str:
    """The number in one of the ways people write it."""
    return rng.choice(_PHONE_FORMS).format(digits[:3], digits[3:6], digits[6:])


def text_as_written(rng: random.Random, text: str) -> str:
    """The same text, at times with loose spaces or its accents taken apart (NFD)."""
    return rng.choice((text, text, text, f"{text} ", text.replace(" ", "  ", 1), unicodedata.normalize("NFD", text)))


def email_as_written(rng: random.Random, email: str) -> str:
    """The same address, at times with capitals or a space at its end."""
    return rng.choice((email, email, email, email.title(), f"{email} ", email.upper()))


def mistyped(text: str) -> str:
    """The text with two letters in its middle the wrong way round: similar, and not the same."""
    pairs = (place for place in range(len(text) // 2, 0, -1) if text[place - 1 : place + 1].isalpha())
    at = next(place for place in pairs if text[place] != text[place - 1])
    return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
