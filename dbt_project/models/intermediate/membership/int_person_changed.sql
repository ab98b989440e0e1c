{%- set compared = [
    'int_month', 'int_attribution_snapshot', 'int_program_clinician_month', 'int_coverage_version',
    'int_coverage_span', 'int_ed_visit', 'int_inpatient_stay', 'int_provider_specialty',
    'int_visit_credit', 'int_advanced_practice_month', 'int_clinician_month',
] -%}
{%- set forgotten = ['int_claim_line', 'int_pharmacy_fill'] -%}
{{ config(post_hook='{{ drop_previous(' ~ (compared + forgotten) | tojson ~ ') }}') }}
{%- for name in compared + forgotten %}
{%- do reads_in_growth(name) %}
{%- endfor %}
{%- do reads_in_growth('int_claim_changed') %}
{%- do reads_in_growth('stg_ledger__pharmacy_claim') %}
{%- do reads_in_growth('stg_ledger__new_delivery') %}
{%- do reads_in_growth('int_primary_care_visit') %}
{%- do reads_in_growth('int_attribution_visit') %}
{%- do reads_in_growth('int_selected_clinician_month') %}

-- The first month of each person that may differ from the last build (docs/adr/0018). What happens
-- in a month tells on that month and later ones, never on earlier ones: the months before stay as
-- they are. None in a rebuild.

with

persons as (

    select person_key from {{ ref('int_person') }}

),
{% if is_growth() %}
-- Months that are new, or not what they were to everyone.
common as (

    select min(month_number) as month_number
    from (
        select month_number
        from ({{ rows_that_differ('int_month', 'month_number, days_in_month') }}) as months
        union all
        select snapshot_number as month_number
        from (
            {{ rows_that_differ('int_attribution_snapshot', 'payer_key, snapshot_number') }}
        ) as snapshots
        union all
        select snapshot_number as month_number
        from (
            {{ rows_that_differ(
                'int_program_clinician_month',
                'payer_key, npi, snapshot_number, group_number, partner_id, practice_id,'
                ~ ' is_on_roster'
            ) }}
        ) as program_clinicians
    ) as differing

),

-- A cover differs from its start, or, where only its end moved, from the day after the earlier end.
covers as (

    select
        coalesce(now.person_key, earlier.person_key) as person_key,
        case
            when now.coverage_end_date <> earlier.coverage_end_date
                then {{ month_number(date_plus_days(
                    'least(now.coverage_end_date, earlier.coverage_end_date)', 1
                )) }}
            else {{ month_number(
                'coalesce(now.coverage_start_date, earlier.coverage_start_date)'
            ) }}
        end as month_number
    from {{ ref('int_coverage_version') }} as now
    full outer join {{ previous(ref('int_coverage_version')) }} as earlier
        on now.version_number = earlier.version_number
    where
        now.version_number is null
        or earlier.version_number is null
        or now.coverage_end_date <> earlier.coverage_end_date

),

-- Whoever was once covered has a row in every month, also before the cover.
once_covered as (

    select
        coalesce(now.person_key, earlier.person_key) as person_key,
        0 as month_number
    from (
        select distinct person_key
        from {{ ref('int_coverage_span') }}
        where coverage_kind = 'medical'
    ) as now
    full outer join (
        select distinct person_key
        from {{ previous(ref('int_coverage_span')) }}
        where coverage_kind = 'medical'
    ) as earlier
        on now.person_key = earlier.person_key
    where now.person_key is null or earlier.person_key is null

),

claims as (

    select
        person_key,
        {{ month_number('least(from_date, incurred_date)') }} as month_number
    from {{ ref('int_claim_line') }}
    where claim_key in ({{ changed_claims() }})
    union all
    select
        person_key,
        {{ month_number('fill_date') }} as month_number
    from {{ ref('int_pharmacy_fill') }}
    where claim_key in ({{ new_pharmacy_claims() }})
    {%- for name in forgotten %}
    union all
    select
        person_key,
        month_number
    from {{ previous(ref(name)) }}
    {%- endfor %}

),

-- Visits and stays join claims over days: one claim more may move another's month.
visits_and_stays as (

    select
        person_key,
        {{ month_number('visit_start_date') }} as month_number
    from (
        {{ rows_that_differ('int_ed_visit', 'person_key, visit_start_date, is_treat_and_release') }}
    ) as visits
    union all
    select
        person_key,
        {{ month_number('admission_date') }} as month_number
    from (
        {{ rows_that_differ('int_inpatient_stay', 'person_key, episode_key, admission_date') }}
    ) as stays

),

described_otherwise as (

    select distinct npi
    from (
        {{ rows_that_differ('int_provider_specialty', 'npi, tier, is_np_pa, is_obgyn') }}
    ) as clinicians

),

credited_otherwise as (

    select
        now.pair_number,
        min({{ month_number('now.credit_date') }}) as month_number
    from {{ ref('int_visit_credit') }} as now
    inner join {{ previous(ref('int_visit_credit')) }} as earlier
        on
            now.payer_key = earlier.payer_key
            and now.rendering_npi = earlier.rendering_npi
            and coalesce(now.billing_tin, 0) = coalesce(earlier.billing_tin, 0)
            and now.credit_date = earlier.credit_date
    where now.group_number <> earlier.group_number
    group by now.pair_number

),

practising_otherwise as (

    select
        payer_key,
        rendering_npi,
        min(snapshot_number) as month_number
    from (
        {{ rows_that_differ(
            'int_advanced_practice_month',
            'payer_key, rendering_npi, snapshot_number, is_primary_care'
        ) }}
    ) as practitioners
    group by payer_key, rendering_npi

),

standing_otherwise as (

    select
        npi,
        min(snapshot_number) as month_number
    from (
        {{ rows_that_differ(
            'int_clinician_month',
            'payer_key, npi, snapshot_number, program_group_number, pcp_program_group_number,'
            ~ ' tin_group_number, is_pcp'
        ) }}
    ) as clinicians
    where snapshot_number < (select coalesce(month_number, 999999) from common)
    group by npi

),

clinicians as (

    select
        visits.person_key,
        {{ month_number('visits.visit_date') }} as month_number
    from {{ ref('int_primary_care_visit') }} as visits
    inner join described_otherwise on visits.rendering_npi = described_otherwise.npi
    union all
    select
        visits.person_key,
        credited_otherwise.month_number
    from {{ ref('int_attribution_visit') }} as visits
    inner join credited_otherwise on visits.pair_number = credited_otherwise.pair_number
    union all
    select
        visits.person_key,
        practising_otherwise.month_number
    from {{ ref('int_attribution_visit') }} as visits
    inner join practising_otherwise
        on
            visits.payer_key = practising_otherwise.payer_key
            and visits.rendering_npi = practising_otherwise.rendering_npi
    union all
    select
        selections.person_key,
        standing_otherwise.month_number
    from {{ ref('int_selected_clinician_month') }} as selections
    inner join standing_otherwise on selections.selected_pcp_npi = standing_otherwise.npi
    union all
    select
        fills.person_key,
        standing_otherwise.month_number
    from {{ ref('int_pharmacy_fill') }} as fills
    inner join standing_otherwise on fills.prescriber_npi = standing_otherwise.npi

),

changes as (
    {% for name in ['covers', 'once_covered', 'claims', 'visits_and_stays', 'clinicians'] %}
    select person_key, month_number from {{ name }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

first_changes as (

    select
        person_key,
        min(month_number) as month_number
    from changes
    group by person_key

),

changed as (

    select
        persons.person_key,
        least(
            coalesce(first_changes.month_number, 999999), coalesce(common.month_number, 999999)
        ) as changed_month_number
    from persons
    cross join common
    left join first_changes on persons.person_key = first_changes.person_key

),
{% else %}
changed as (

    select
        person_key,
        0 as changed_month_number
    from persons
    where false

),
{% endif %}
final as (

    select
        cast(person_key as int) as person_key,
        cast(changed_month_number as int) as changed_month_number
    from changed

)

select * from final
