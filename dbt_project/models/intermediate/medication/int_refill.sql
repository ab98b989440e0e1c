{%- set grace = 14 -%}
{%- set due_soon = 7 -%}
{%- set max_stockpile = 90 -%}
{%- set rx_lag = 7 -%}
-- METHODS E.2: who has run out of a drug taken for long. A course is a class of drugs with fills on two
-- days within 180 in the last 365. Days are counted at home: supply that fell on a hospital stay moves
-- to the days after it. What is carried over from fill to fill is 90 days at most; the person is
-- covered if any ingredient of the class is. The last day covered is the run-out.

with

supplies as (

    select *
    from {{ ref('int_drug_supply') }}
    where fill_date > {{ date_plus_days('evaluation_date', -365) }}

),

classes as (

    select
        concept as drug_class,
        ingredient
    from {{ ref('drug_class') }}
    where concept in ('diabetes_drug', 'ras_antagonist', 'statin', 'asthma_controller')
    union all
    select
        drug_group as drug_class,
        ingredient
    from {{ ref('drug_group') }}
    where drug_group in ('beta_blocker', 'antidepressant', 'anticoagulant', 'antipsychotic')

),

weights as (

    select 'anticoagulant' as drug_class, 5 as weight
    union all select 'antipsychotic', 4
    union all select 'diabetes_drug', 3
    union all select 'ras_antagonist', 3
    union all select 'statin', 3
    union all select 'beta_blocker', 2
    union all select 'antidepressant', 2
    union all select 'asthma_controller', 2

),

stays as (

    select
        person_key,
        is_open_stay,
        admission_date,
        discharge_date
    from {{ ref('int_inpatient_stay') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

covers as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'rx'

),

hospice_events as (

    select
        person_key,
        event_date
    from {{ ref('int_clinical_event') }}
    where
        concept_key = {{ concept('hospice') }}
        and source_kind <> {{ source_kind('supplemental') }}

),

adherence as (

    select
        adherence.*,
        years.period_end_date,
        years.evaluation_date
    from {{ ref('int_medication_adherence') }} as adherence
    inner join {{ ref('int_measure_year') }} as years
        on adherence.measure_year = years.measure_year

),

fills as (

    select
        supplies.person_key,
        classes.drug_class,
        supplies.ingredient,
        supplies.ndc_number,
        supplies.days_supply,
        supplies.fill_date,
        supplies.evaluation_date,
        {{ date_plus_days('supplies.evaluation_date', -365) }} as first_date
    from supplies
    inner join classes on supplies.ingredient = classes.ingredient

),

fill_dates as (

    select
        person_key,
        drug_class,
        evaluation_date,
        fill_date,
        lag(fill_date) over (
            partition by person_key, drug_class order by fill_date
        ) as earlier_fill_date
    from (
        select distinct
            person_key,
            drug_class,
            evaluation_date,
            fill_date
        from fills
    ) as days

),

courses as (

    select
        person_key,
        drug_class,
        evaluation_date,
        count(*) as fill_dates,
        max(fill_date) as last_fill_date
    from fill_dates
    group by person_key, drug_class, evaluation_date
    having bool_or(fill_date <= {{ date_plus_days('earlier_fill_date', 180) }})

),

-- Nights in hospital since the first day looked at, before each fill.
fill_stays as (

    select
        fills.person_key,
        fills.fill_date,
        sum(
            {{ whole_days_between(
                'greatest(stays.admission_date, fills.first_date)',
                'least(stays.discharge_date, fills.fill_date)'
            ) }}
        ) as days_away
    from (
        select distinct
            person_key,
            fill_date,
            first_date
        from fills
    ) as fills
    inner join stays
        on
            fills.person_key = stays.person_key
            and stays.admission_date < fills.fill_date
            and stays.discharge_date > fills.first_date
    group by fills.person_key, fills.fill_date

),

numbered as (

    select
        fills.person_key,
        fills.drug_class,
        fills.ingredient,
        fills.ndc_number,
        fills.days_supply,
        {{ whole_days_between('fills.first_date', 'fills.fill_date') }}
        - coalesce(fill_stays.days_away, 0) as fill_day
    from fills
    inner join courses
        on fills.person_key = courses.person_key and fills.drug_class = courses.drug_class
    left join fill_stays
        on fills.person_key = fill_stays.person_key and fills.fill_date = fill_stays.fill_date

),

cumulated as (

    select
        *,
        sum(days_supply) over (
            partition by person_key, drug_class, ingredient
            order by fill_day, ndc_number
            rows between unbounded preceding and current row
        ) as supply_to_date
    from numbered

),

-- Without a cap all supply ends at the greatest of the fills' days, each with what followed it. Where
-- a fill found more than 90 days in the house, it ends 90 days and the rest after that fill at most,
-- or where a later fill began anew.
ended as (

    select
        person_key,
        drug_class,
        ingredient,
        supply_to_date,
        fill_day - (supply_to_date - days_supply) as from_fill,
        max(fill_day - (supply_to_date - days_supply)) over (
            partition by person_key, drug_class, ingredient
            order by fill_day, ndc_number
            rows between 1 following and unbounded following
        ) as from_later_fill
    from cumulated

),

ingredient_ends as (

    select
        person_key,
        drug_class,
        ingredient,
        max(supply_to_date) + least(
            max(from_fill),
            min(greatest(
                from_fill + {{ max_stockpile }}, coalesce(from_later_fill, from_fill + {{ max_stockpile }})
            ))
        ) as end_day
    from ended
    group by person_key, drug_class, ingredient

),

class_ends as (

    select
        person_key,
        drug_class,
        max(end_day) as end_day
    from ingredient_ends
    group by person_key, drug_class

),

-- Nights in hospital until the day looked from; of them those after the supply had ended.
course_stays as (

    select
        class_ends.person_key,
        class_ends.drug_class,
        bool_or(stays.is_open_stay) as is_in_hospital,
        sum(stays.nights) as days_away,
        sum(
            case when stays.home_day >= class_ends.end_day then stays.nights else 0 end
        ) as days_away_after
    from class_ends
    inner join (
        select
            dated.person_key,
            dated.is_open_stay,
            dated.nights,
            {{ whole_days_between('dated.first_date', 'dated.from_date') }}
            - coalesce(
                sum(dated.nights) over (
                    partition by dated.person_key order by dated.from_date, dated.until_date
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as home_day
        from (
            select
                stays.person_key,
                stays.is_open_stay,
                looked_from.first_date,
                greatest(stays.admission_date, looked_from.first_date) as from_date,
                least(
                    coalesce(stays.discharge_date, looked_from.evaluation_date),
                    looked_from.evaluation_date
                ) as until_date,
                {{ whole_days_between(
                    'greatest(stays.admission_date, looked_from.first_date)',
                    'least(coalesce(stays.discharge_date, looked_from.evaluation_date), '
                    ~ 'looked_from.evaluation_date)'
                ) }} as nights
            from (
                select distinct
                    person_key,
                    evaluation_date,
                    first_date
                from fills
            ) as looked_from
            inner join stays
                on
                    looked_from.person_key = stays.person_key
                    and stays.admission_date <= looked_from.evaluation_date
                    and coalesce(stays.discharge_date, looked_from.evaluation_date)
                    > looked_from.first_date
        ) as dated
    ) as stays
        on class_ends.person_key = stays.person_key
    group by class_ends.person_key, class_ends.drug_class

),

-- As many days late as lie at home between the last day covered and the day looked from, and the
-- nights in hospital after it.
late as (

    select
        courses.*,
        365
        - coalesce(course_stays.days_away, 0)
        - (class_ends.end_day - 1)
        + coalesce(course_stays.days_away_after, 0) as days_late,
        coalesce(course_stays.is_in_hospital, false) as is_in_hospital
    from courses
    inner join class_ends
        on courses.person_key = class_ends.person_key and courses.drug_class = class_ends.drug_class
    left join course_stays
        on
            courses.person_key = course_stays.person_key
            and courses.drug_class = course_stays.drug_class

),

covered as (

    select distinct late.person_key
    from late
    inner join covers
        on
            late.person_key = covers.person_key
            and covers.span_start_date <= late.evaluation_date
            and covers.span_end_date >= late.evaluation_date

),

in_hospice as (

    select distinct late.person_key
    from late
    inner join hospice_events
        on
            late.person_key = hospice_events.person_key
            and hospice_events.event_date <= late.evaluation_date
            and hospice_events.event_date > {{ date_plus_months('late.evaluation_date', -12) }}

),

-- Days of the year missed so far, and of the rest that may still be missed (E.2 step 4). Days that
-- adherence counted beyond the last known fill, and without supply, were not missed for certain.
missable as (

    select
        late.person_key,
        late.drug_class,
        cast(floor(0.20 * (
            adherence.treatment_days
            + {{ whole_days_between('adherence.evaluation_date', 'adherence.period_end_date') }}
        )) as bigint) as may_miss,
        adherence.treatment_days
        - adherence.covered_days
        - greatest(
            {{ whole_days_between(
                'greatest(late.evaluation_date, '
                ~ date_plus_days('late.evaluation_date', '-(late.days_late)') ~ ')',
                'adherence.evaluation_date'
            ) }},
            0
        ) as missed_so_far
    from late
    inner join adherence
        on
            late.person_key = adherence.person_key
            and late.drug_class = adherence.drug_class
            and year(late.evaluation_date) = adherence.measure_year

),

judged as (

    select
        late.person_key,
        late.drug_class,
        late.fill_dates,
        late.days_late,
        late.last_fill_date,
        late.evaluation_date,
        weights.weight,
        missable.may_miss - missable.missed_so_far as days_missable,
        case
            when late.days_late < -{{ due_soon }} then 'ON_TRACK'
            when late.days_late <= 0 then 'DUE'
            when late.days_late <= {{ grace }} then 'LATE'
            when late.days_late <= 90 then 'SKIPPED'
            else 'LAPSED'
        end as state,
        case
            when persons.death_date <= late.evaluation_date then 'DIED'
            when covered.person_key is null then 'NOT_ENROLLED'
            when in_hospice.person_key is not null then 'HOSPICE'
            when late.is_in_hospital then 'IN_HOSPITAL'
            -- A fill of these days may be on its way to us.
            when
                late.days_late between 1 and {{ rx_lag }}
                and late.last_fill_date > {{ date_plus_days('late.evaluation_date', -45) }}
                then 'CLAIMS_LAG'
        end as suppressed_by
    from late
    inner join persons on late.person_key = persons.person_key
    inner join weights on late.drug_class = weights.drug_class
    left join covered on late.person_key = covered.person_key
    left join in_hospice on late.person_key = in_hospice.person_key
    left join missable
        on late.person_key = missable.person_key and late.drug_class = missable.drug_class

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(drug_class as string) as drug_class,
        cast(state as string) as state,
        cast(suppressed_by as string) as suppressed_by,
        cast(fill_dates as int) as fill_dates,
        cast(days_late as int) as days_late,
        cast(days_missable as int) as days_missable,
        cast(
            weight * case when coalesce(days_missable < 14, false) then 2 else 1 end as int
        ) as priority,
        cast(last_fill_date as date) as last_fill_date,
        cast({{ date_plus_days('evaluation_date', '-days_late') }} as date) as runout_date,
        cast(evaluation_date as date) as evaluation_date
    from judged

)

select * from final
