"""The op of the `settlement` job: a what-if from the launchpad (rules: `payment/what_if.py`)."""

import base64
from collections.abc import Iterator
from datetime import date

import dagster as dg
from pydantic import Field

from orchestration.errors import CareWarehouseError
from orchestration.outcomes.agreements import read_run_inputs
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse


class WhatIfConfig(dg.Config):
    """Which settlement to try under which other terms."""

    program_id: str = Field(description="the program, as its file is named")
    overrides: dict[str, str] = Field(
        default={}, description="terms as a program file names them, such as savings.max_rate: 0.60"
    )
    performance_start: str = Field(
        default="", description="first day of the period; refused if the warehouse has another"
    )
    as_of: str = Field(
        default="", description="day the warehouse must be of; to have another, run a night of it"
    )


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Settle one program by its contract and by other terms; see the output's metadata.",
)
def settle_under_other_terms(
    config: WhatIfConfig, pipeline: dg.ResourceParam[Settings]
) -> Iterator[dg.Output[None]]:
    # The pictures' libraries are heavy, and the definitions have a budget.
    from orchestration.payment.what_if import comparison_table, settle_what_if, tornado

    with read_warehouse(pipeline) as warehouse:
        inputs = read_run_inputs(warehouse)
        if config.as_of and date.fromisoformat(config.as_of) != inputs.as_of:
            raise CareWarehouseError(
                f"the warehouse is as of {inputs.as_of}, not {config.as_of}. Run a night with "
                f"CARE_AS_OF={config.as_of} first."
            )
        found = settle_what_if(warehouse, inputs, config.program_id, config.overrides)
    start = found.contract.terms.performance_start_date
    if config.performance_start and date.fromisoformat(config.performance_start) != start:
        raise CareWarehouseError(
            f"{config.program_id}: the agreement in force settles the period from {start}, not "
            f"{config.performance_start}. Choose an as_of at which that agreement stood."
        )
    picture = base64.b64encode(tornado(found)).decode()
    contract, changed = found.contract.row.payment_amount, found.changed.row.payment_amount
    yield dg.Output(
        None,
        metadata={
            "side_by_side": dg.MetadataValue.md(comparison_table(found)),
            "what_moves_the_payment": dg.MetadataValue.md(
                f"![tornado](data:image/svg+xml;base64,{picture})"
            ),
            "contract_payment": f"${contract:,.2f}",
            "what_if_payment": f"${changed:,.2f}",
            "as_of": str(inputs.as_of),
        },
    )


EXAMPLE = dg.RunConfig(
    ops={
        "settle_under_other_terms": WhatIfConfig(
            program_id="prohealth_physicians",
            overrides={"savings.max_rate": "0.60", "savings.fee_netting": "none"},
        )
    }
)
