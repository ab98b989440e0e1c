{{ config(materialized='ephemeral') }}

-- METHODS E.1 M13: adults with two fills of statins and a treatment period of at least 91 days, of
-- which 80 percent were covered. End-stage renal disease excludes.

with

members as (

    {{ adherent_members('M13', 'statin') }}

),

services as (

    {{ adherence_services() }}

),

exclusions as (

    {{ excluded_by('END_STAGE_RENAL_DISEASE', ['end_stage_renal_disease', 'dialysis']) }}

),

{{ measure_rows(one_service=true, eligible_date='first_fill_date') }}

select * from final
