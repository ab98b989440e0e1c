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


def seed_rows(name: str) -> list[dict[str, str]]:
    """The rows of a seed."""
    with (DBT_PROJECT / "seeds" / f"{name}.csv").open() as rows:
        return list(csv.DictReader(rows))


def test_every_measure_is_in_one_family_and_in_the_table_of_measures() -> None:
    """A measure that is in no family is computed for nobody, in two it counts twice."""
    folder = DBT_PROJECT / "models" / "intermediate" / "quality"
    rates: dict[str, set[str]] = {}
    for path in (folder / "measures").glob("*.sql"):
        named = set(re.findall(r"'(M\d\d[A-J]?)'", path.read_text()))
        measure = path.stem.removeprefix("measure_")
        rates[measure] = named
        assert {rate[:3].lower() for rate in named} == {measure}
    united = [
        name
        for path in (folder / "families").glob("*.sql")
        for name in re.findall(r"'(m\d\d)'", path.read_text())
    ]
    assert sorted(united) == sorted(rates)
    families = set(re.findall(r"'(\w+)'", (folder / "int_measure_result.sql").read_text()))
    assert {f"int_measure_result_{name}" for name in families - {"int_measure_result_"}} == {
        path.stem for path in (folder / "families").glob("*.sql")
    }
    defined = {row["measure_id"] for row in seed_rows("quality_measure")}
    described = {row["measure_id"] for row in seed_rows("measure_definition")}
    assert set().union(*rates.values()) == defined == described


def test_rates_of_one_measure_are_of_the_same_members() -> None:
    """M20, M26 and M32 look their members up once for all rates."""
    by_rate = {
        row["measure_id"]: [
            row[name]
            for name in (
                *("measure_version", "first_year", "last_year"),
                *("age_basis", "age_low", "age_high", "sex", "enrolment"),
            )
        ]
        for row in seed_rows("quality_measure")
    }
    for rate, rule in by_rate.items():
        if rate[:3] in ("M20", "M26", "M32"):
            assert rule == by_rate[rate[:3]], rate
