{{ config(materialized='ephemeral') }}

-- METHODS E.1 M12: adults with two fills of renin-angiotensin antagonists and a treatment period of
-- at least 91 days, of which 80 percent were covered. End-stage renal disease and a fill of
-- sacubitril and valsartan in the year exclude.

with

members as (

    {{ adherent_members('M12', 'ras_antagonist') }}

),

services as (

    {{ adherence_services() }}

),

exclusions as (

    {{ excluded_by('END_STAGE_RENAL_DISEASE', ['end_stage_renal_disease', 'dialysis']) }}
    union all
    {{ excluded_by('SACUBITRIL_VALSARTAN', ['sacubitril_valsartan'], 'period_start_date') }}

),

{{ measure_rows(one_service=true, eligible_date='first_fill_date') }}

select * from final
