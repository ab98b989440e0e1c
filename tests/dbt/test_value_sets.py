"""The concepts that models name and the value sets that list their codes agree."""

import csv
import re

from orchestration.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
CONCEPTS = DBT_PROJECT / "macros" / "clinical" / "concepts.sql"


def named_concepts() -> list[str]:
    """The list of macro concept_names, in its order."""
    (body,) = re.findall(r"macro concept_names.*?return\(\[(.*?)\]\)", CONCEPTS.read_text(), re.S)
    return re.findall(r"'(\w+)'", body)


def listed_concepts() -> set[str]:
    """Concepts of which a seed lists codes or ingredients."""
    listed = set()
    for seed in ("clinical_value_set", "drug_class"):
        with (DBT_PROJECT / "seeds" / f"{seed}.csv").open() as rows:
            listed.update(row["concept"] for row in csv.DictReader(rows))
    return listed


def test_every_concept_has_a_value_set_and_every_value_set_is_a_concept() -> None:
    """A concept without codes is found in nobody; codes without a concept are never looked for."""
    names = named_concepts()
    assert len(names) == len(set(names))
    assert set(names) == listed_concepts()


def test_every_value_set_is_used() -> None:
    """A value set that no measure and no condition names is kept up for nothing."""
    sources = [*DBT_PROJECT.rglob("models/**/*.sql"), *DBT_PROJECT.rglob("macros/clinical/*.sql")]
    text = "\n".join(path.read_text() for path in sources)
    body = re.sub(r"macro concept_names.*?endmacro", "", text, flags=re.S)
    used = set(re.findall(r"'(\w+)'", body))
    assert set(named_concepts()) <= used


def test_every_ingredient_of_a_class_is_spelt_as_products_spell_it() -> None:
    """An ingredient spelt in two ways is a drug nobody took."""
    with (DBT_PROJECT / "seeds" / "drug_product.csv").open() as rows:
        products = {row["ingredient"] for row in csv.DictReader(rows)}
    with (DBT_PROJECT / "seeds" / "drug_class.csv").open() as rows:
        classes = {row["ingredient"] for row in csv.DictReader(rows)}
    spelt = {name.lower().replace(" ", "") for name in products | classes}
    assert len(spelt) == len(products | classes)
    assert len(products & classes) >= 8


def test_every_measure_is_in_the_union_and_in_the_table_of_measures() -> None:
    """A measure that is not united is computed for nobody."""
    folder = DBT_PROJECT / "models" / "intermediate" / "quality"
    files = {path.stem.removeprefix("measure_") for path in (folder / "measures").glob("*.sql")}
    united = set(re.findall(r"'(m\d+[a-d]?)'", (folder / "int_measure_result.sql").read_text()))
    with (DBT_PROJECT / "seeds" / "quality_measure.csv").open() as rows:
        defined = {row["measure_id"].lower() for row in csv.DictReader(rows)}
    with (DBT_PROJECT / "seeds" / "measure_definition.csv").open() as rows:
        described = {row["measure_id"].lower() for row in csv.DictReader(rows)}
    assert files == united == defined == described
