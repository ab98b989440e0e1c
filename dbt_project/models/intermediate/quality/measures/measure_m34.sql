{{ config(materialized='ephemeral') }}

-- METHODS D.1 M34: the members of M33 who filled bisoprolol, carvedilol or extended-release
-- metoprolol in the year. A heart transplant or assist device excludes; asthma, a slow pulse, low
-- pressure, and a block of second or third degree without pacemaker except who took none.

with

{{ systolic_heart_failure_members('M34') }},

services as (

    {{ services_since(['heart_failure_beta_blocker'], 'members.period_start_date') }}

),

exclusions as (

    {{ excluded_by('HEART_TRANSPLANT_OR_DEVICE', ['heart_transplant_or_device']) }}

),

blocks as (

    {{ member_events(['heart_block', 'pacemaker']) }}

),

exceptions as (

    {{ excluded_by('ASTHMA', ['asthma']) }}
    union all
    {{ excluded_by('SLOW_OR_LOW_CIRCULATION', ['bradycardia', 'hypotension']) }}
    union all
    select
        measure_year,
        person_key,
        'HEART_BLOCK' as reason
    from blocks
    group by measure_year, person_key
    having not bool_or(concept_key = {{ concept('pacemaker') }})

),

{{ measure_rows(has_exceptions=true, eligible_date='condition_date') }}

select * from final
