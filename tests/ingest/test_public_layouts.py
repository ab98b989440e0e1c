"""Layouts of public record descriptions: CMS's claim and claim line feed, Tuva's input layer.

Records are written here from the lengths of all fields in their order, as CMS's tables give them;
the layouts say positions. A position that is off by one meets a neighbour's characters.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from intake_kit import Installation, as_csv, installation

from orchestration.ingest import Outcome

STAMP = "D240515.T1234567"

CCLF1 = (
    *(("CUR_CLM_UNIQ_ID", 13), ("PRVDR_OSCAR_NUM", 6), ("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11)),
    *(("CLM_TYPE_CD", 2), ("CLM_FROM_DT", 10), ("CLM_THRU_DT", 10), ("CLM_BILL_FAC_TYPE_CD", 1)),
    *(("CLM_BILL_CLSFCTN_CD", 1), ("PRNCPL_DGNS_CD", 7), ("ADMTG_DGNS_CD", 7)),
    *(("CLM_MDCR_NPMT_RSN_CD", 2), ("CLM_PMT_AMT", 17), ("CLM_NCH_PRMRY_PYR_CD", 1)),
    *(("PRVDR_FAC_FIPS_ST_CD", 2), ("BENE_PTNT_STUS_CD", 2), ("DGNS_DRG_CD", 4)),
    *(("CLM_OP_SRVC_TYPE_CD", 1), ("FAC_PRVDR_NPI_NUM", 10), ("OPRTG_PRVDR_NPI_NUM", 10)),
    *(("ATNDG_PRVDR_NPI_NUM", 10), ("OTHR_PRVDR_NPI_NUM", 10), ("CLM_ADJSMT_TYPE_CD", 2)),
    *(("CLM_EFCTV_DT", 10), ("CLM_IDR_LD_DT", 10), ("BENE_EQTBL_BIC_HICN_NUM", 11)),
    *(("CLM_ADMSN_TYPE_CD", 2), ("CLM_ADMSN_SRC_CD", 2), ("CLM_BILL_FREQ_CD", 1)),
    *(("CLM_QUERY_CD", 1), ("DGNS_PRCDR_ICD_IND", 1), ("CLM_MDCR_INSTNL_TOT_CHRG_AMT", 15)),
    *(("CLM_MDCR_IP_PPS_CPTL_IME_AMT", 15), ("CLM_OPRTNL_IME_AMT", 22)),
    *(("CLM_MDCR_IP_PPS_DSPRPRTNT_AMT", 15), ("CLM_HIPPS_UNCOMPD_CARE_AMT", 15)),
    *(("CLM_OPRTNL_DSPRTNT_AMT", 22), ("CLM_BLG_PRVDR_OSCAR_NUM", 20)),
    *(("CLM_BLG_PRVDR_NPI_NUM", 10), ("CLM_OPRTG_PRVDR_NPI_NUM", 10)),
    *(("CLM_ATNDG_PRVDR_NPI_NUM", 10), ("CLM_OTHR_PRVDR_NPI_NUM", 10), ("CLM_CNTL_NUM", 40)),
    *(("CLM_ORG_CNTL_NUM", 40), ("CLM_CNTRCTR_NUM", 5)),
)
CCLF2 = (
    *(("CUR_CLM_UNIQ_ID", 13), ("CLM_LINE_NUM", 10), ("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11)),
    *(("CLM_TYPE_CD", 2), ("CLM_LINE_FROM_DT", 10), ("CLM_LINE_THRU_DT", 10)),
    *(("CLM_LINE_PROD_REV_CTR_CD", 4), ("CLM_LINE_INSTNL_REV_CTR_DT", 10)),
    *(("CLM_LINE_HCPCS_CD", 5), ("BENE_EQTBL_BIC_HICN_NUM", 11), ("PRVDR_OSCAR_NUM", 6)),
    *(("CLM_FROM_DT", 10), ("CLM_THRU_DT", 10), ("CLM_LINE_SRVC_UNIT_QTY", 24)),
    *(("CLM_LINE_CVRD_PD_AMT", 17), ("HCPCS_1_MDFR_CD", 2), ("HCPCS_2_MDFR_CD", 2)),
    *(("HCPCS_3_MDFR_CD", 2), ("HCPCS_4_MDFR_CD", 2), ("HCPCS_5_MDFR_CD", 2)),
    *(("CLM_REV_APC_HIPPS_CD", 5), ("CLM_FAC_PRVDR_OSCAR_NUM", 20)),
)
CCLF5 = (
    *(("CUR_CLM_UNIQ_ID", 13), ("CLM_LINE_NUM", 10), ("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11)),
    *(("CLM_TYPE_CD", 2), ("CLM_FROM_DT", 10), ("CLM_THRU_DT", 10), ("RNDRG_PRVDR_TYPE_CD", 3)),
    *(("RNDRG_PRVDR_FIPS_ST_CD", 2), ("CLM_PRVDR_SPCLTY_CD", 2), ("CLM_FED_TYPE_SRVC_CD", 1)),
    *(("CLM_POS_CD", 2), ("CLM_LINE_FROM_DT", 10), ("CLM_LINE_THRU_DT", 10)),
    *(("CLM_LINE_HCPCS_CD", 5), ("CLM_LINE_CVRD_PD_AMT", 15), ("CLM_LINE_PRMRY_PYR_CD", 1)),
    *(("CLM_LINE_DGNS_CD", 7), ("CLM_RNDRG_PRVDR_TAX_NUM", 10), ("RNDRG_PRVDR_NPI_NUM", 10)),
    *(("CLM_CARR_PMT_DNL_CD", 2), ("CLM_PRCSG_IND_CD", 2), ("CLM_ADJSMT_TYPE_CD", 2)),
    *(("CLM_EFCTV_DT", 10), ("CLM_IDR_LD_DT", 10), ("CLM_CNTL_NUM", 40)),
    *(("BENE_EQTBL_BIC_HICN_NUM", 11), ("CLM_LINE_ALOWD_CHRG_AMT", 17)),
    *(("CLM_LINE_SRVC_UNIT_QTY", 24), ("HCPCS_1_MDFR_CD", 2), ("HCPCS_2_MDFR_CD", 2)),
    *(("HCPCS_3_MDFR_CD", 2), ("HCPCS_4_MDFR_CD", 2), ("HCPCS_5_MDFR_CD", 2), ("CLM_DISP_CD", 2)),
    *((f"CLM_DGNS_{number}_CD", 7) for number in range(1, 9)),
    ("DGNS_PRCDR_ICD_IND", 1),
    *((f"CLM_DGNS_{number}_CD", 7) for number in range(9, 13)),
    *(("HCPCS_BETOS_CD", 3), ("CLM_RNDRG_PRVDR_NPI_NUM", 10), ("CLM_RFRG_PRVDR_NPI_NUM", 10)),
    ("CLM_CNTRCTR_NUM", 5),
)
CCLF6 = (
    *(("CUR_CLM_UNIQ_ID", 13), ("CLM_LINE_NUM", 10), ("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11)),
    *(("CLM_TYPE_CD", 2), ("CLM_FROM_DT", 10), ("CLM_THRU_DT", 10), ("CLM_FED_TYPE_SRVC_CD", 1)),
    *(("CLM_POS_CD", 2), ("CLM_LINE_FROM_DT", 10), ("CLM_LINE_THRU_DT", 10)),
    *(("CLM_LINE_HCPCS_CD", 5), ("CLM_LINE_CVRD_PD_AMT", 15), ("CLM_PRMRY_PYR_CD", 1)),
    *(("PAYTO_PRVDR_NPI_NUM", 10), ("ORDRG_PRVDR_NPI_NUM", 10), ("CLM_CARR_PMT_DNL_CD", 2)),
    *(("CLM_PRCSG_IND_CD", 2), ("CLM_ADJSMT_TYPE_CD", 2), ("CLM_EFCTV_DT", 10)),
    *(("CLM_IDR_LD_DT", 10), ("CLM_CNTL_NUM", 40), ("BENE_EQTBL_BIC_HICN_NUM", 11)),
    *(("CLM_LINE_ALOWD_CHRG_AMT", 17), ("CLM_DISP_CD", 2), ("CLM_BLG_PRVDR_NPI_NUM", 10)),
    ("CLM_RFRG_PRVDR_NPI_NUM", 10),
)
CCLF7 = (
    *(("CUR_CLM_UNIQ_ID", 13), ("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11), ("CLM_LINE_NDC_CD", 11)),
    *(("CLM_TYPE_CD", 2), ("CLM_LINE_FROM_DT", 10), ("PRVDR_SRVC_ID_QLFYR_CD", 2)),
    *(("CLM_SRVC_PRVDR_GNRC_ID_NUM", 20), ("CLM_DSPNSNG_STUS_CD", 1)),
    *(("CLM_DAW_PROD_SLCTN_CD", 1), ("CLM_LINE_SRVC_UNIT_QTY", 24)),
    *(("CLM_LINE_DAYS_SUPLY_QTY", 9), ("PRVDR_PRSBNG_ID_QLFYR_CD", 2)),
    *(("CLM_PRSBNG_PRVDR_GNRC_ID_NUM", 20), ("CLM_LINE_BENE_PMT_AMT", 13)),
    *(("CLM_ADJSMT_TYPE_CD", 2), ("CLM_EFCTV_DT", 10), ("CLM_IDR_LD_DT", 10)),
    *(("CLM_LINE_RX_SRVC_RFRNC_NUM", 12), ("CLM_LINE_RX_FILL_NUM", 9)),
    ("CLM_PHRMCY_SRVC_TYPE_CD", 2),
)
CCLF8 = (
    *(("BENE_MBI_ID", 11), ("BENE_HIC_NUM", 11), ("BENE_FIPS_STATE_CD", 2)),
    *(("BENE_FIPS_CNTY_CD", 3), ("BENE_ZIP_CD", 5), ("BENE_DOB", 10), ("BENE_SEX_CD", 1)),
    *(("BENE_RACE_CD", 1), ("BENE_AGE", 3), ("BENE_MDCR_STUS_CD", 2), ("BENE_DUAL_STUS_CD", 2)),
    *(("BENE_DEATH_DT", 10), ("BENE_RNG_BGN_DT", 10), ("BENE_RNG_END_DT", 10)),
    *(("BENE_1ST_NAME", 30), ("BENE_MIDL_NAME", 15), ("BENE_LAST_NAME", 40)),
    *(("BENE_ORGNL_ENTLMT_RSN_CD", 1), ("BENE_ENTLMT_BUYIN_IND", 1)),
    *(("BENE_PART_A_ENRLMT_BGN_DT", 10), ("BENE_PART_B_ENRLMT_BGN_DT", 10)),
    *(("BENE_LINE_1_ADR", 45), ("BENE_LINE_2_ADR", 45), ("BENE_LINE_3_ADR", 40)),
    *(("BENE_LINE_4_ADR", 40), ("BENE_LINE_5_ADR", 40), ("BENE_LINE_6_ADR", 40)),
    *(("GEO_ZIP_PLC_NAME", 100), ("GEO_USPS_STATE_CD", 2), ("GEO_ZIP5_CD", 5), ("GEO_ZIP4_CD", 4)),
)

CLAIM = {
    "CUR_CLM_UNIQ_ID": "9000000000001",
    "BENE_MBI_ID": "1A00A00AA00",
    "CLM_TYPE_CD": "40",
    "CLM_FROM_DT": "2024-03-01",
    "CLM_THRU_DT": "2024-03-02",
    "CLM_BILL_FAC_TYPE_CD": "1",
    "CLM_BILL_CLSFCTN_CD": "3",
    "PRNCPL_DGNS_CD": "E119",
    "CLM_PMT_AMT": "150.25",
    "BENE_PTNT_STUS_CD": "01",
    "FAC_PRVDR_NPI_NUM": "1234567893",
    "ATNDG_PRVDR_NPI_NUM": "1987654328",
    "CLM_ADJSMT_TYPE_CD": "0",
    "CLM_EFCTV_DT": "2024-04-10",
    "CLM_BILL_FREQ_CD": "1",
    "CLM_MDCR_INSTNL_TOT_CHRG_AMT": "400.00",
}
LINE = {
    "CUR_CLM_UNIQ_ID": "9000000000001",
    "CLM_LINE_NUM": "1",
    "BENE_MBI_ID": "1A00A00AA00",
    "CLM_TYPE_CD": "40",
    "CLM_LINE_FROM_DT": "2024-03-01",
    "CLM_LINE_THRU_DT": "2024-03-02",
    "CLM_LINE_PROD_REV_CTR_CD": "0450",
    "CLM_LINE_HCPCS_CD": "99284",
    "CLM_LINE_SRVC_UNIT_QTY": "2.0000",
    "CLM_LINE_CVRD_PD_AMT": "150.25",
    "HCPCS_1_MDFR_CD": "25",
    "HCPCS_5_MDFR_CD": "99",
}


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def record(table: tuple[tuple[str, int], ...], row: dict[str, str]) -> str:
    """One record; amounts stand at the right of their place, everything else at the left."""
    assert set(row) <= {name for name, _ in table}
    texts = []
    for name, length in table:
        text = row.get(name, "")
        assert len(text) <= length, name
        is_number = name.endswith(("_AMT", "_QTY", "_NUM")) and "NPI" not in name
        texts.append(text.rjust(length) if is_number else text.ljust(length))
    return "".join(texts)


def drop(
    house: Installation, source: str, feed: str, name: str, rows: list[str], rows_stated: int = 0
) -> None:
    content = "".join(f"{row}\n" for row in rows).encode()
    control = {"rows": rows_stated or len(rows), "delivered_on": "2024-05-15"}
    house.drop(content, name, feed, source, control)


def took(house: Installation, feed: str) -> Outcome:
    outcome = house.take_one(feed)
    assert (outcome.status, outcome.entry.period) == ("loaded", "2024-05"), outcome
    assert outcome.entry.rejected_count == 0, house.rejects(outcome)
    return outcome


def test_cclf_part_a_is_read_from_headers_and_revenue_lines(house: Installation) -> None:
    """A cancellation repeats what it takes back: it must come out below zero, as a void."""
    cancelled = {"CUR_CLM_UNIQ_ID": "9000000000002", "CLM_ADJSMT_TYPE_CD": "1"}
    claims = [record(CCLF1, CLAIM), record(CCLF1, {**CLAIM, **cancelled})]
    lines = [
        record(CCLF2, LINE),
        record(CCLF2, {**LINE, "CUR_CLM_UNIQ_ID": "9000000000002"}),
    ]
    assert (len(claims[0]), len(lines[0])) == (437, 199)
    drop(house, "cms_cclf", "medical_claims", f"P.A1234.ACO.CCLF1.{STAMP}", claims)
    drop(house, "cms_cclf", "medical_claims", f"P.A1234.ACO.CCLF2.{STAMP}", lines)
    outcome = took(house, "medical_claims")
    assert outcome.entry.payer == "medicare"
    assert outcome.entry.warnings == ()
    told = (
        "claim_id, frequency_code, claim_status, claim_type, bill_type_code, person_id, from_date, "
        "thru_date, revenue_code, hcpcs_code, modifier_code_1, modifier_code_2, units, "
        "diagnosis_code_1, discharge_status_code, billing_npi, rendering_npi, facility_npi, "
        "allowed_amount, paid_amount, paid_date"
    )
    first, second = house.rows(outcome, told)
    assert first == (
        *("9000000000001", "1", "paid", "I", "131", "1A00A00AA00"),
        *(date(2024, 3, 1), date(2024, 3, 2), "0450", "99284", "25", None, Decimal("2.000")),
        *("E119", "01", "1234567893", "1987654328", "1234567893"),
        *(Decimal("150.25"), Decimal("150.25"), date(2024, 4, 10)),
    )
    assert (second[1], second[2], second[12], second[19]) == (
        "8",
        "reversed",
        Decimal("-2.000"),
        Decimal("-150.25"),
    )


def test_cclf_lines_without_their_claim_are_rejected_and_odd_totals_told(
    house: Installation,
) -> None:
    """Half a claim has no member's day of payment; a claim paid as a whole is worth a look."""
    claims = [record(CCLF1, {**CLAIM, "CLM_PMT_AMT": "999.00"})]
    lines = [record(CCLF2, LINE)] * 1 + [
        record(CCLF2, {**LINE, "CUR_CLM_UNIQ_ID": "9000000000009"})
    ]
    drop(house, "cms_cclf", "medical_claims", f"P.A1234.ACO.CCLF1.{STAMP}", claims)
    drop(house, "cms_cclf", "medical_claims", f"P.A1234.ACO.CCLF2.{STAMP}", lines)
    outcome = house.take_one("medical_claims")
    entry = outcome.entry
    assert (entry.row_count, entry.loaded_count, entry.rejected_count) == (2, 1, 1)
    assert house.rejects(outcome) == [(2, "", "9000000000009", "claim_header_missing")]
    assert entry.warnings == (
        "CLM_PMT_AMT of 1 claims is not the sum of CLM_LINE_CVRD_PD_AMT; lines count",
    )


def test_cclf_part_b_tells_claim_and_line_in_one_record(house: Installation) -> None:
    row = {
        **{name: LINE[name] for name in ("CUR_CLM_UNIQ_ID", "CLM_LINE_NUM", "BENE_MBI_ID")},
        "CLM_POS_CD": "11",
        "CLM_LINE_FROM_DT": "2024-03-05",
        "CLM_LINE_THRU_DT": "2024-03-05",
        "CLM_LINE_HCPCS_CD": "99213",
        "CLM_LINE_CVRD_PD_AMT": "80.00",
        "CLM_RNDRG_PRVDR_TAX_NUM": "012345678",
        "RNDRG_PRVDR_NPI_NUM": "1987654328",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-03-20",
        "CLM_LINE_ALOWD_CHRG_AMT": "100.00",
        "CLM_LINE_SRVC_UNIT_QTY": "1.0000",
        "CLM_DGNS_1_CD": "I10",
        "CLM_DGNS_8_CD": "Z00121",
        "DGNS_PRCDR_ICD_IND": "0",
        "CLM_DGNS_9_CD": "E119",
    }
    line = record(CCLF5, row)
    assert len(line) == 388
    drop(house, "cms_cclf_part_b", "medical_claims", f"P.A1234.ACO.CCLF5.{STAMP}", [line])
    told = (
        "claim_type, place_of_service_code, hcpcs_code, billing_tin, rendering_npi, "
        "allowed_amount, paid_amount, units, diagnosis_code_1, diagnosis_code_8, diagnosis_code_9"
    )
    assert house.rows(took(house, "medical_claims"), told) == [
        (
            *("P", "11", "99213", "012345678", "1987654328"),
            *(Decimal("100.00"), Decimal("80.00"), Decimal("1.000"), "I10", "Z00121", "E119"),
        )
    ]


def test_cclf_equipment_is_a_line_of_its_supplier(house: Installation) -> None:
    """Who ordered a wheelchair did not deliver it, and must not have the visit attributed."""
    row = {
        **{name: LINE[name] for name in ("CUR_CLM_UNIQ_ID", "CLM_LINE_NUM", "BENE_MBI_ID")},
        "CLM_POS_CD": "12",
        "CLM_LINE_FROM_DT": "2024-03-05",
        "CLM_LINE_THRU_DT": "2024-04-04",
        "CLM_LINE_HCPCS_CD": "E1390",
        "CLM_LINE_CVRD_PD_AMT": "80.00",
        "PAYTO_PRVDR_NPI_NUM": "1987654328",
        "ORDRG_PRVDR_NPI_NUM": "1234567893",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-04-20",
        "CLM_LINE_ALOWD_CHRG_AMT": "100.00",
    }
    cancelled = {"CUR_CLM_UNIQ_ID": "9000000000002", "CLM_ADJSMT_TYPE_CD": "1"}
    rows = [record(CCLF6, row), record(CCLF6, {**row, **cancelled})]
    assert len(rows[0]) == 247
    drop(house, "cms_cclf_dme", "medical_claims", f"P.A1234.ACO.CCLF6.{STAMP}", rows)
    told = (
        "claim_type, claim_status, place_of_service_code, hcpcs_code, billing_npi, rendering_npi, "
        "thru_date::text, paid_date::text, allowed_amount, paid_amount"
    )
    of_both = ("P", "12", "E1390", "1987654328", None, "2024-04-04", "2024-04-20")
    assert house.rows(took(house, "medical_claims"), told) == [
        ("P", status, *of_both[1:], sign * Decimal("100.00"), sign * Decimal("80.00"))
        for status, sign in (("paid", 1), ("reversed", -1))
    ]


def test_cclf_part_d_keeps_a_prescriber_only_where_the_number_is_an_npi(
    house: Installation,
) -> None:
    """A licence number in the field of an NPI would be a malformed one and lose the fill."""
    row = {
        "CUR_CLM_UNIQ_ID": "9000000000003",
        "BENE_MBI_ID": "1A00A00AA00",
        "CLM_LINE_NDC_CD": "00002143380",
        "CLM_LINE_FROM_DT": "2024-03-07",
        "PRVDR_SRVC_ID_QLFYR_CD": "01",
        "CLM_SRVC_PRVDR_GNRC_ID_NUM": "1987654328",
        "CLM_LINE_SRVC_UNIT_QTY": "30.0000",
        "CLM_LINE_DAYS_SUPLY_QTY": "30",
        "PRVDR_PRSBNG_ID_QLFYR_CD": "01",
        "CLM_PRSBNG_PRVDR_GNRC_ID_NUM": "1234567893",
        "CLM_LINE_BENE_PMT_AMT": "12.50",
        "CLM_ADJSMT_TYPE_CD": "0",
        "CLM_EFCTV_DT": "2024-03-09",
    }
    licensed = {
        "CUR_CLM_UNIQ_ID": "9000000000004",
        "PRVDR_PRSBNG_ID_QLFYR_CD": "08",
        "CLM_PRSBNG_PRVDR_GNRC_ID_NUM": "CT-12345",
    }
    rows = [record(CCLF7, row), record(CCLF7, {**row, **licensed})]
    assert len(rows[0]) == 195
    drop(house, "cms_cclf", "pharmacy_claims", f"P.A1234.ACO.CCLF7.{STAMP}", rows)
    told = "ndc_code, days_supply, quantity, prescriber_npi, pharmacy_npi, allowed_amount"
    fill = ("00002143380", 30, Decimal("30.000"))
    assert house.rows(took(house, "pharmacy_claims"), told) == [
        (*fill, "1234567893", "1987654328", Decimal("12.50")),
        (*fill, None, "1987654328", Decimal("12.50")),
    ]


def test_cclf_beneficiaries_are_open_spans_of_traditional_medicare(house: Installation) -> None:
    row = {
        "BENE_MBI_ID": "1A00A00AA00",
        "BENE_ZIP_CD": "06101",
        "BENE_DOB": "1950-02-03",
        "BENE_SEX_CD": "2",
        "BENE_RACE_CD": "1",
        "BENE_LAST_NAME": "WHOEVER",
        "BENE_PART_A_ENRLMT_BGN_DT": "2014-02-01",
        "BENE_PART_B_ENRLMT_BGN_DT": "2015-02-01",
        "GEO_USPS_STATE_CD": "CT",
        "GEO_ZIP5_CD": "06102",
    }
    line = record(CCLF8, row)
    assert len(line) == 549
    drop(house, "cms_cclf", "eligibility", f"P.A1234.ACO.CCLF8.{STAMP}", [line])
    told = "person_id, product, coverage_start_date, coverage_end_date, sex, zip_code, state"
    assert house.rows(took(house, "eligibility"), told) == [
        ("1A00A00AA00", "FFS", date(2015, 2, 1), date(9999, 12, 31), "F", "06101", "CT")
    ]


def test_a_record_of_another_length_is_a_reject_of_its_own(house: Installation) -> None:
    """A record that lost a character shifts every field behind it."""
    rows = [
        record(CCLF8, {"BENE_MBI_ID": f"1A00A00AA{number:02d}", "BENE_DOB": "1950-02-03"})
        for number in range(30)
    ]
    rows[4] = rows[4][:-1]
    house.drop(
        "".join(f"{row}\n" for row in rows).encode(),
        f"P.A1234.ACO.CCLF8.{STAMP}",
        "eligibility",
        "cms_cclf",
        {},
    )
    outcome = house.take_one("eligibility")
    assert outcome.entry.reason == "too_many_rejects"  # no sex, no start
    assert "30 of 30 rows" in outcome.entry.message


def test_the_columns_of_the_tuva_input_layer_are_read_by_their_names(house: Installation) -> None:
    """A warehouse mapped to Tuva need not be mapped again."""
    line = {
        "claim_id": "T1",
        "claim_line_number": "1",
        "claim_type": "institutional",
        "person_id": "p-1",
        "member_id": "M1",
        "payer": "somebody",
        "plan": "a",
        "claim_start_date": "2024-03-01",
        "claim_end_date": "2024-03-03",
        "claim_line_start_date": "2024-03-01",
        "claim_line_end_date": "2024-03-03",
        "admission_date": "2024-03-01",
        "discharge_date": "2024-03-03",
        "discharge_disposition_code": "01",
        "place_of_service_code": "",
        "bill_type_code": "111",
        "drg_code_type": "ms-drg",
        "drg_code": "291",
        "revenue_center_code": "0120",
        "service_unit_quantity": "2",
        "hcpcs_code": "",
        **{f"hcpcs_modifier_{number}": "" for number in range(1, 6)},
        "rendering_id": "",
        "billing_id": "1234567893",
        "facility_id": "1234567893",
        "paid_date": "2024-04-01",
        "paid_amount": "5000.0",
        "allowed_amount": "6000.000",
        "charge_amount": "9000",
        **{f"diagnosis_code_{number}": "" for number in range(1, 26)},
        **{f"diagnosis_poa_{number}": "" for number in range(1, 26)},
        **{f"procedure_code_{number}": "" for number in range(1, 26)},
        **{f"procedure_date_{number}": "" for number in range(1, 26)},
        "data_source": "here",
    }
    line["diagnosis_code_1"] = "I5021"
    content = as_csv([line])
    house.drop(content, "2024-05.csv", "medical_claims", "tuva_input_layer", {"rows": 1})
    outcome = took(house, "medical_claims")
    assert outcome.entry.warnings == ()
    told = "claim_id, claim_type, frequency_code, person_id, drg_code, allowed_amount, billing_npi"
    assert house.rows(outcome, told) == [
        ("T1", "I", "1", "M1", "291", Decimal("6000.00"), "1234567893")
    ]
    fill = {
        "claim_id": "T2",
        "claim_line_number": "1",
        "person_id": "p-1",
        "member_id": "M1",
        "prescribing_provider_npi": "1234567893",
        "dispensing_provider_npi": "",
        "dispensing_date": "2024-03-04",
        "ndc_code": "00002143380",
        "quantity": "30",
        "days_supply": "30",
        "refills": "1",
        "paid_date": "2024-03-05",
        "paid_amount": "10",
        "allowed_amount": "12.5",
        "data_source": "here",
    }
    house.drop(as_csv([fill]), "2024-05.csv", "pharmacy_claims", "tuva_input_layer", {"rows": 1})
    assert took(house, "pharmacy_claims").entry.warnings == ()
    span = {
        "person_id": "p-1",
        "member_id": "M1",
        "gender": "female",
        "birth_date": "1960-01-01",
        "death_date": "",
        "enrollment_start_date": "2023-01-01",
        "enrollment_end_date": "",
        "payer": "somebody",
        "payer_type": "commercial",
        "plan": "a",
        "state": "CT",
        "zip_code": "06101",
        "data_source": "here",
    }
    house.drop(as_csv([span]), "2024-05.csv", "eligibility", "tuva_input_layer", {"rows": 1})
    outcome = took(house, "eligibility")
    assert house.rows(outcome, "person_id, sex, coverage_end_date") == [
        ("M1", "F", date(9999, 12, 31))
    ]
