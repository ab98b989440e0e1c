{{ config(materialized='ephemeral') }}

-- METHODS D.1 M33: adults with systolic heart failure and two visits who filled an ACE inhibitor,
-- an ARB or sacubitril/valsartan in the year. A heart transplant or assist device excludes;
-- pregnancy, dialysis and harm from the drugs except who took none.

with

{{ systolic_heart_failure_members('M33') }},

services as (

    {{ services_since(['ace_or_arb', 'sacubitril_valsartan'], 'members.period_start_date') }}

),

exclusions as (

    {{ excluded_by('HEART_TRANSPLANT_OR_DEVICE', ['heart_transplant_or_device']) }}

),

exceptions as (

    {{ excluded_by('DRUG_INTOLERANCE', ['raas_inhibitor_intolerance']) }}
    union all
    {{ excluded_by('PREGNANCY', ['pregnancy'], 'period_start_date') }}
    union all
    {{ excluded_by('DIALYSIS', ['dialysis', 'end_stage_renal_disease']) }}

),

{{ measure_rows(has_exceptions=true, eligible_date='condition_date') }}

select * from final
