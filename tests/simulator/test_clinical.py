"""Clinical results fit the members and tests they belong to, and change nothing else."""

import numpy as np
from simulated_extract import Extract, Simulated

from orchestration.simulator.clinical import A1C, CODES, EGFR, NO_VALUE, PRESSURE, simulate_results
from orchestration.simulator.codes import CONDITIONS
from orchestration.simulator.config import EFFECT_START_DAY, LAST_SERVICE_DAY
from orchestration.simulator.simulation import stream
from orchestration.simulator.world import MemberDays


def test_every_test_of_the_measured_years_has_its_value_and_nobody_else_does(
    simulated: Simulated,
) -> None:
    """A value without a test, or a test without a value, would teach a wrong rate."""
    use, people = simulated.use, simulated.people
    results = simulate_results(
        people,
        use.a1c_tests,
        use.kidney_tests,
        MemberDays(use.visits.person, use.visits.day),
        stream(simulated.config, "clinical results"),
    )
    for code, tests in ((A1C, use.a1c_tests), (EGFR, use.kidney_tests)):
        person, day = tests.since(EFFECT_START_DAY - 366)
        mine = results.code == code
        found = np.stack((results.person[mine], results.day[mine]))
        wanted = np.stack((person, day))
        assert np.array_equal(found[:, np.lexsort(found)], wanted[:, np.lexsort(wanted)]), CODES[
            code
        ]
    diabetic = people.conditions[:, CONDITIONS.index("diabetes")]
    assert diabetic[results.person[results.code == A1C]].all()
    hypertensive = people.conditions[:, CONDITIONS.index("hypertension")]
    assert hypertensive[results.person[results.code == PRESSURE]].all()
    values = results.value[(results.code == A1C) & (results.value != NO_VALUE)] / 100
    assert 6.5 < values.mean() < 8.0
    assert (values >= 4.4).all()
    assert (results.day <= LAST_SERVICE_DAY).all()
    doses = np.isin(results.code, [n for n, row in enumerate(CODES) if row[0] == "I"])
    assert (results.day[doses] >= people.birth_day[results.person[doses]]).all()


def test_results_are_delivered_after_they_were_made(extract: Extract) -> None:
    """Intake rejects what was not measured yet; the demo must not teach that alarm."""
    files = extract.landing_dir / "cigna" / "clinical_results" / "*.csv.gz"
    rows = extract.engine.execute(
        f"""
        select count(*), count(distinct RSLT_ID), max(SVC_DT)
        from read_csv('{files}', all_varchar = true, delim = '|')
        """
    ).fetchall()
    count, ids, last = rows[0]
    assert count == ids == extract.report.rows["clinical_results"]
    assert count == extract.truth("totals")["clinical_results"]
    assert "20250101" < last <= "20251231"
