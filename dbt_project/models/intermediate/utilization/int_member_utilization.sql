{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"month_number\") }}'
    )
}}

-- What a member used in a month: visits by the day they began, stays by the day of admission (a
-- transfer chain once, METHODS A.5 and H.9), cost by the incurred date (A.7 step 5), also in
-- months that are no member month.

with

claim_lines as (

    select * from {{ with_changed_month(ref('int_claim_line')) }} as claim_lines

),

fills as (

    select * from {{ with_changed_month(ref('int_pharmacy_fill')) }} as fills

),

ed_visits as (

    select * from {{ with_changed_month(ref('int_ed_visit')) }} as ed_visits

),

stays as (

    select * from {{ with_changed_month(ref('int_inpatient_stay')) }} as stays

),

office_visits as (

    select * from {{ with_changed_month(ref('int_office_visit')) }} as office_visits

),

primary_care_visits as (

    select *
    from {{ with_changed_month(ref('int_primary_care_visit')) }} as primary_care_visits

),

medical_cost as (

    select
        person_key,
        {{ month_number('incurred_date') }} as month_number,
        cast(sum(allowed_cents) as bigint) as medical_allowed_cents,
        cast(sum(paid_cents) as bigint) as medical_paid_cents
    from claim_lines
    where is_counted and {{ month_number('incurred_date') }} >= changed_month_number
    group by person_key, {{ month_number('incurred_date') }}

),

rx_cost as (

    select
        person_key,
        {{ month_number('fill_date') }} as month_number,
        cast(count(*) as int) as fills,
        cast(sum(allowed_cents) as bigint) as rx_allowed_cents,
        cast(sum(paid_cents) as bigint) as rx_paid_cents
    from fills
    where {{ month_number('fill_date') }} >= changed_month_number
    group by person_key, {{ month_number('fill_date') }}

),

ed_use as (

    select
        person_key,
        {{ month_number('visit_start_date') }} as month_number,
        cast(sum(case when is_treat_and_release then 1 else 0 end) as int) as ed_visits,
        cast(count(*) as int) as ed_visits_all
    from ed_visits
    where {{ month_number('visit_start_date') }} >= changed_month_number
    group by person_key, {{ month_number('visit_start_date') }}

),

episodes as (

    select
        person_key,
        episode_key,
        min(admission_date) as admission_date,
        min(changed_month_number) as changed_month_number
    from stays
    group by person_key, episode_key

),

inpatient_use as (

    select
        person_key,
        {{ month_number('admission_date') }} as month_number,
        cast(count(*) as int) as inpatient_stays
    from episodes
    where {{ month_number('admission_date') }} >= changed_month_number
    group by person_key, {{ month_number('admission_date') }}

),

office_use as (

    select
        person_key,
        {{ month_number('visit_date') }} as month_number,
        cast(sum(case when is_telehealth then 0 else 1 end) as int) as office_visits,
        cast(sum(case when is_telehealth then 1 else 0 end) as int) as telehealth_visits
    from office_visits
    where {{ month_number('visit_date') }} >= changed_month_number
    group by person_key, {{ month_number('visit_date') }}

),

primary_care_use as (

    select
        person_key,
        {{ month_number('visit_date') }} as month_number,
        cast(count(*) as int) as primary_care_visits
    from primary_care_visits
    where tier = 1 and {{ month_number('visit_date') }} >= changed_month_number
    group by person_key, {{ month_number('visit_date') }}

),

-- Each source has one row a person and month.
joined as (

    {% set measures = [
        'ed_visits', 'ed_visits_all', 'inpatient_stays', 'office_visits', 'telehealth_visits',
        'primary_care_visits', 'fills', 'medical_allowed_cents', 'medical_paid_cents',
        'rx_allowed_cents', 'rx_paid_cents'
    ] -%}
    select
        person_key,
        month_number
        {%- for measure in measures %},
        coalesce({{ measure }}, 0) as {{ measure }}
        {%- endfor %}
    from medical_cost
    full outer join rx_cost using (person_key, month_number)
    full outer join office_use using (person_key, month_number)
    full outer join primary_care_use using (person_key, month_number)
    full outer join ed_use using (person_key, month_number)
    full outer join inpatient_use using (person_key, month_number)

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(month_number as int) as month_number,
        cast(ed_visits as int) as ed_visits,
        cast(ed_visits_all as int) as ed_visits_all,
        cast(inpatient_stays as int) as inpatient_stays,
        cast(office_visits as int) as office_visits,
        cast(telehealth_visits as int) as telehealth_visits,
        cast(primary_care_visits as int) as primary_care_visits,
        cast(fills as int) as fills,
        cast(medical_allowed_cents as bigint) as medical_allowed_cents,
        cast(medical_paid_cents as bigint) as medical_paid_cents,
        cast(rx_allowed_cents as bigint) as rx_allowed_cents,
        cast(rx_paid_cents as bigint) as rx_paid_cents,
        cast(
            make_date(
                cast(floor(month_number / 12) as int), cast(month_number % 12 + 1 as int), 1
            ) as date
        ) as month_start_date
    from joined

)

select * from final
