{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['payer', 'claim_id']
    )
}}

{%- do reads_in_growth('stg_ledger__new_delivery') %}

-- Every ledger line of the contested claims, with what the steps of METHODS A.1 ask about, so that
-- they read a small table. Step 1: of rows equal in every business column the first known is kept
-- and the others are counted; two equal services on one claim differ in line number and both stay.

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

contested_claims as (

    select * from {{ ref('int_claim_contested') }}
    {%- if is_growth() %}
    where
        claim_key in (
            select {{ pair_key('new_lines.payer', 'new_lines.claim_id') }}
            from {{ ref('stg_ledger__medical_claim_line') }} as new_lines
            where {{ is_new_row('new_lines') }}
        )
        or claim_key not in (select {{ pair_key('payer', 'claim_id') }} from {{ this }})
    {%- endif %}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

lines as (

    select
        ledger_lines.*,
        {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}
            as claim_family_id,
        {{ claim_family_id('ledger_lines.original_claim_id', 'rules.adjustment_suffix_regex') }}
            as original_family_id
    from ledger_lines
    inner join contested_claims
        on
            {{ pair_key('ledger_lines.payer', 'ledger_lines.claim_id') }}
            = contested_claims.claim_key
    left join rules on ledger_lines.payer = rules.payer

),

-- Only a line number that occurs more than once can hold copies: few rows are compared in full.
repeated_lines as (

    select
        payer,
        claim_id,
        line_number
    from lines
    group by payer, claim_id, line_number
    having count(*) > 1

),

compared as (

    select
        lines.delivery_order,
        lines.row_number,
        row_number() over (
            partition by
                lines.payer,
                lines.claim_id,
                lines.original_claim_id,
                lines.person_id,
                lines.frequency_code,
                lines.claim_type,
                lines.bill_type_code,
                lines.claim_status,
                lines.discharge_status_code,
                lines.drg_code,
                lines.revenue_code,
                lines.hcpcs_code,
                lines.modifier_code_1,
                lines.modifier_code_2,
                lines.modifier_code_3,
                lines.modifier_code_4,
                lines.place_of_service_code,
                lines.diagnosis_code_1,
                lines.diagnosis_code_2,
                lines.diagnosis_code_3,
                lines.diagnosis_code_4,
                lines.diagnosis_code_5,
                lines.diagnosis_code_6,
                lines.diagnosis_code_7,
                lines.diagnosis_code_8,
                lines.diagnosis_code_9,
                lines.diagnosis_code_10,
                lines.diagnosis_code_11,
                lines.diagnosis_code_12,
                lines.diagnosis_code_13,
                lines.diagnosis_code_14,
                lines.diagnosis_code_15,
                lines.diagnosis_code_16,
                lines.diagnosis_code_17,
                lines.diagnosis_code_18,
                lines.diagnosis_code_19,
                lines.diagnosis_code_20,
                lines.diagnosis_code_21,
                lines.diagnosis_code_22,
                lines.diagnosis_code_23,
                lines.diagnosis_code_24,
                lines.diagnosis_code_25,
                lines.procedure_code_1,
                lines.procedure_code_2,
                lines.procedure_code_3,
                lines.procedure_code_4,
                lines.procedure_code_5,
                lines.procedure_code_6,
                lines.billing_tin,
                lines.billing_npi,
                lines.rendering_npi,
                lines.facility_npi,
                lines.line_number,
                lines.version_sequence,
                lines.units,
                lines.billed_amount,
                lines.allowed_amount,
                lines.paid_amount,
                lines.member_liability_amount,
                lines.from_date,
                lines.thru_date,
                lines.admission_date,
                lines.discharge_date,
                lines.received_date,
                lines.paid_date
            order by lines.delivery_order, lines.row_number
        ) as copy_number
    from lines
    inner join repeated_lines
        on
            lines.payer = repeated_lines.payer
            and lines.claim_id = repeated_lines.claim_id
            and lines.line_number = repeated_lines.line_number

),

final as (

    select
        cast(lines.payer as string) as payer,
        cast(lines.claim_id as string) as claim_id,
        cast(lines.person_id as string) as person_id,
        cast(lines.frequency_code as string) as frequency_code,
        cast(lines.revenue_code as string) as revenue_code,
        cast(lines.hcpcs_code as string) as hcpcs_code,
        cast(lines.billing_npi as string) as billing_npi,
        cast(lines.claim_family_id as string) as claim_family_id,
        cast(lines.original_family_id as string) as original_family_id,
        cast(lines.line_number as int) as line_number,
        cast(lines.version_sequence as int) as version_sequence,
        cast(lines.units as decimal(18, 3)) as units,
        cast(lines.billed_amount as decimal(18, 2)) as billed_amount,
        cast(lines.allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(lines.paid_amount as decimal(18, 2)) as paid_amount,
        cast(lines.member_liability_amount as decimal(18, 2)) as member_liability_amount,
        cast(lines.delivery_order as bigint) as delivery_order,
        cast(lines.row_number as bigint) as row_number,
        cast(coalesce(compared.copy_number > 1, false) as boolean) as is_duplicate,
        cast(lines.from_date as date) as from_date,
        cast(lines.paid_date as date) as paid_date
    from lines
    left join compared
        on
            lines.delivery_order = compared.delivery_order
            and lines.row_number = compared.row_number

)

select * from final
