{{ config(materialized='ephemeral') }}

-- METHODS E.1 M11: adults with two fills of diabetes drugs and a treatment period of at least 91
-- days, of which 80 percent were covered. End-stage renal disease and an insulin fill in the year
-- exclude.

with

members as (

    {{ adherent_members('M11', 'diabetes_drug') }}

),

services as (

    {{ adherence_services() }}

),

exclusions as (

    {{ excluded_by('END_STAGE_RENAL_DISEASE', ['end_stage_renal_disease', 'dialysis']) }}
    union all
    {{ excluded_by('INSULIN', ['insulin'], 'period_start_date') }}

),

{{ measure_rows(one_service=true, eligible_date='first_fill_date') }}

select * from final
