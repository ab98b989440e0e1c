{{ config(materialized='ephemeral') }}

-- METHODS D.1 M01: women of the age whose last mammogram is from 1 October two years before the
-- year or later; a bilateral mastectomy, or one of each side, excludes.

with

members as (

    {{ measure_members('M01') }}

),

services as (

    {{ services_since(
        ['mammography'], 'make_date(members.measure_year - 2, 10, 1)'
    ) }}

),

mastectomies as (

    {{ member_events(['mastectomy_both', 'mastectomy_left', 'mastectomy_right']) }}

),

exclusions as (

    select
        measure_year,
        person_key,
        'BILATERAL_MASTECTOMY' as reason
    from mastectomies
    group by measure_year, person_key
    having
        bool_or(concept_key = {{ concept('mastectomy_both') }})
        or (
            bool_or(concept_key = {{ concept('mastectomy_left') }})
            and bool_or(concept_key = {{ concept('mastectomy_right') }})
        )

),

{{ measure_rows() }}

select * from final
