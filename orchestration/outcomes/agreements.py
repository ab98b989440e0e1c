"""What the run's programs agreed, read from the warehouse so that a replay sees the terms of then.

Turning an agreement into the arguments of a computation does not belong here (`er_terms.py`,
`payment/terms.py`); what the terms mean is METHODS section P.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
from pydantic import ValidationError

from orchestration.errors import CareWarehouseError, Problem
from orchestration.programs import Program, Terms


@dataclass(frozen=True)
class Agreement:
    """A program and the one of its agreements that is in force for the run."""

    program: Program
    terms: Terms

    @property
    def program_id(self) -> str:
        return self.program.program_id

    @property
    def short_name(self) -> str:
        """Who the program is with: what follows ` - ` in the payer's title of it."""
        return self.program.name.rsplit(" - ", 1)[-1]


@dataclass(frozen=True)
class RunInputs:
    """What a run of outcomes and payment knows beside its numbers."""

    as_of: date
    claims_through_period: str
    agreements: tuple[Agreement, ...]


def read_run_inputs(warehouse: duckdb.DuckDBPyConnection) -> RunInputs:
    """Run and agreements as the warehouse was built with them, ordered by program.

    Raises `CareWarehouseError` if the warehouse has no run or holds terms that cannot be read.
    """
    run = warehouse.execute("select as_of, claims_through_period from stg_ledger__run").fetchall()
    if len(run) != 1:
        raise CareWarehouseError(
            f"stg_ledger__run holds {len(run)} rows instead of one. Run `make nightly` again."
        )
    as_of, claims_through = run[0]
    rows = warehouse.execute(
        "select program_id, terms_json from stg_ledger__program_terms order by program_id"
    ).fetchall()
    agreements = tuple(agreement_of(program_id, text, as_of) for program_id, text in rows)
    return RunInputs(as_of, claims_through, agreements)


def agreement_of(program_id: str, terms_json: str, as_of: date) -> Agreement:
    """The newest agreement not after `as_of` from a program file that the ledger holds as JSON."""
    try:
        # Checked strictly at intake; JSON has no dates and decimals, so here they may be text.
        program = Program.model_validate_json(terms_json, strict=False)
    except ValidationError as error:
        raise CareWarehouseError(
            f"stg_ledger__program_terms: program_id {program_id!r}: terms_json is no program file "
            f"of this code version: {error}"
        ) from error
    terms = program.terms_as_of(as_of)
    if terms is None:
        raise CareWarehouseError(
            f"stg_ledger__program_terms: program_id {program_id!r}: no agreement on or before "
            f"{as_of}; the first is of {program.terms[0].agreed_on}."
        )
    return Agreement(program, terms)


def unsupported_population_terms(agreement: Agreement) -> Sequence[Problem]:
    """Terms about whom a panel holds that the warehouse does not compute yet."""
    basis = agreement.terms.attribution.panel_basis
    if basis != "member_month":
        return [not_computed(agreement.program, "attribution.panel_basis", basis, "member_month")]
    return []


def not_computed(program: Program, field: str, value: object, instead: str) -> Problem:
    """The problem of a valid term that this version does not compute."""
    return Problem(
        f"data/programs/{program.program_id}.yml",
        f"terms.{field}",
        str(value),
        f"It is not computed yet; write {instead}.",
    )
