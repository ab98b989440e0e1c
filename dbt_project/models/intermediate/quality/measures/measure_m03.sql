{{ config(materialized='ephemeral') }}

-- METHODS D.1 M03: stool test in the year, stool DNA in it or the two before, sigmoidoscopy or CT
-- colonography in it or the four before, colonoscopy in it or the nine before. With several, the
-- latest next date holds. Colorectal cancer and total colectomy exclude.

with

members as (

    {{ measure_members('M03') }}

),

services as (

    {{ services_since(['fobt'], 'members.period_start_date', 12) }}
    union all
    {{ services_since(
        ['fit_dna'], 'make_date(members.measure_year - 2, 1, 1)', 36
    ) }}
    union all
    {{ services_since(
        ['flexible_sigmoidoscopy', 'ct_colonography'],
        'make_date(members.measure_year - 4, 1, 1)',
        60
    ) }}
    union all
    {{ services_since(
        ['colonoscopy'], 'make_date(members.measure_year - 9, 1, 1)', 120
    ) }}

),

exclusions as (

    {{ excluded_by('COLORECTAL_CANCER', ['colorectal_cancer']) }}
    union all
    {{ excluded_by('TOTAL_COLECTOMY', ['total_colectomy']) }}

),

{{ measure_rows() }}

select * from final
