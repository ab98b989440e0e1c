"""Made-up names: the same for a member in every feed that tells one.

Common names of the country, put together by chance; whom they belong to is drawn, not looked up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.encoding import Texts, lookup_table
from orchestration.simulator.population import Population


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WOMEN = _words(
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra "
    "Ashley Emily Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca "
    "Sharon Laura Cynthia Amy Kathleen Angela Shirley Brenda Emma Anna Pamela Nicole Samantha "
    "Katherine Christine Helen Debra Rachel Carolyn Janet Maria Olivia Heather Diane Julie Joyce "
    "Victoria Ruth Virginia Lauren Kelly Christina Joan Evelyn Judith"
)
MEN = _words(
    "James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel "
    "Matthew Anthony Mark Steven Donald Andrew Joshua Paul Kenneth Kevin Brian Timothy Ronald "
    "George Jason Edward Jeffrey Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott "
    "Brandon Benjamin Samuel Gregory Alexander Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron "
    "Jose Adam Nathan Henry Zachary Douglas Peter Kyle"
)
FAMILIES = _words(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez "
    "Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris "
    "Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill "
    "Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips "
    "Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers "
    "Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward Richardson "
    "Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo "
    "Sanders Patel Myers Long Ross Foster Jimenez O'Brien D'Angelo St.Pierre"
)


@dataclass(frozen=True)
class Names:
    """Given and family name of every member, as positions in `given` and `FAMILIES`."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def first_texts(self, person: NDArray[np.int64]) -> Texts:
        return lookup_table([*WOMEN, *MEN]).take(self.first[person])

    def last_texts(self, person: NDArray[np.int64]) -> Texts:
        return lookup_table(FAMILIES).take(self.last[person])


def build_names(people: Population, rng: np.random.Generator) -> Names:
    """Draw everybody's names; common family names come more often."""
    count = len(people)
    women = rng.integers(0, len(WOMEN), count)
    men = len(WOMEN) + rng.integers(0, len(MEN), count)
    last = np.floor(len(FAMILIES) * rng.random(count) ** 1.5).astype(np.int64)
    return Names(np.where(people.is_female, women, men), last)
