-- METHODS E.1: days covered by a class of drugs in a member's treatment period, which runs from the
-- first fill of the year to its end. Days in hospital are taken out of the calendar (ip_adjust):
-- counting only the days at home, supply that fell on a stay moves to the days after it. A fill that
-- comes early begins where the earlier one of the same ingredient ends; another ingredient of the
-- class does not wait. Supply of more than 180 days counts as 180, of none not at all.

with

members as (

    select * from {{ ref('int_quality_member') }} where is_enrolled_rx

),

fills as (

    select * from {{ ref('int_pharmacy_fill') }} where days_supply > 0

),

products as (

    select * from {{ ref('drug_product') }}

),

classes as (

    select *
    from {{ ref('drug_class') }}
    where concept in ('diabetes_drug', 'ras_antagonist', 'statin')

),

stays as (

    select *
    from {{ ref('int_inpatient_stay') }}
    where discharge_date > admission_date

),

-- Of equal fills on one day the longest counts.
class_fills as (

    select
        members.measure_year,
        members.person_key,
        members.evaluation_date,
        members.period_start_date,
        classes.concept as drug_class,
        products.ingredient,
        fills.ndc_code,
        fills.fill_date,
        max(least(fills.days_supply, 180)) as days_supply
    from fills
    inner join products on substr(fills.ndc_code, 1, 9) = products.product_code
    inner join classes on products.ingredient = classes.ingredient
    inner join members
        on
            fills.person_key = members.person_key
            and fills.fill_date >= members.period_start_date
            and fills.fill_date <= members.evaluation_date
    group by
        members.measure_year,
        members.person_key,
        members.evaluation_date,
        members.period_start_date,
        classes.concept,
        products.ingredient,
        fills.ndc_code,
        fills.fill_date

),

courses as (

    select
        measure_year,
        person_key,
        drug_class,
        evaluation_date,
        min(fill_date) as first_fill_date,
        max(fill_date) as last_fill_date,
        count(distinct fill_date) as fill_dates
    from class_fills
    group by measure_year, person_key, drug_class, evaluation_date
    having count(distinct fill_date) >= 2

),

-- Days in hospital between the first fill and each fill, and in the whole period.
fill_stays as (

    select
        class_fills.measure_year,
        class_fills.person_key,
        class_fills.drug_class,
        class_fills.fill_date,
        sum(
            {{ whole_days_between(
                'greatest(stays.admission_date, courses.first_fill_date)',
                'least(stays.discharge_date, class_fills.fill_date)'
            ) }}
        ) as days_away
    from (
        select distinct
            measure_year,
            person_key,
            drug_class,
            fill_date
        from class_fills
    ) as class_fills
    inner join courses
        on
            class_fills.measure_year = courses.measure_year
            and class_fills.person_key = courses.person_key
            and class_fills.drug_class = courses.drug_class
    inner join stays
        on
            class_fills.person_key = stays.person_key
            and stays.admission_date < class_fills.fill_date
            and stays.discharge_date > courses.first_fill_date
    group by
        class_fills.measure_year,
        class_fills.person_key,
        class_fills.drug_class,
        class_fills.fill_date

),

course_stays as (

    select
        courses.measure_year,
        courses.person_key,
        courses.drug_class,
        sum(
            {{ whole_days_between(
                'greatest(stays.admission_date, courses.first_fill_date)',
                'least(stays.discharge_date, ' ~ date_plus_days('courses.evaluation_date', 1) ~ ')'
            ) }}
        ) as days_away
    from courses
    inner join stays
        on
            courses.person_key = stays.person_key
            and stays.admission_date <= courses.evaluation_date
            and stays.discharge_date > courses.first_fill_date
    group by courses.measure_year, courses.person_key, courses.drug_class

),

-- Days at home are numbered from 0, the day of the first fill.
numbered as (

    select
        class_fills.measure_year,
        class_fills.person_key,
        class_fills.drug_class,
        class_fills.ingredient,
        class_fills.ndc_code,
        class_fills.days_supply,
        {{ whole_days_between('courses.first_fill_date', 'class_fills.fill_date') }}
        - coalesce(fill_stays.days_away, 0) as fill_day
    from class_fills
    inner join courses
        on
            class_fills.measure_year = courses.measure_year
            and class_fills.person_key = courses.person_key
            and class_fills.drug_class = courses.drug_class
    left join fill_stays
        on
            class_fills.measure_year = fill_stays.measure_year
            and class_fills.person_key = fill_stays.person_key
            and class_fills.drug_class = fill_stays.drug_class
            and class_fills.fill_date = fill_stays.fill_date

),

cumulated as (

    select
        *,
        sum(days_supply) over (
            partition by measure_year, person_key, drug_class, ingredient
            order by fill_day, ndc_code
            rows between unbounded preceding and current row
        ) as supply_to_date
    from numbered

),

-- The supply of an ingredient ends where all of it since the fill that had to wait for none ends.
shifted as (

    select
        *,
        supply_to_date + max(fill_day - (supply_to_date - days_supply)) over (
            partition by measure_year, person_key, drug_class, ingredient
            order by fill_day, ndc_code
            rows between unbounded preceding and current row
        ) as end_day
    from cumulated

),

-- Days that no supply of the class before it covers.
reached as (

    select
        *,
        coalesce(
            max(end_day) over (
                partition by measure_year, person_key, drug_class
                order by end_day - days_supply, end_day, ingredient, ndc_code
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as reached_day
    from shifted

),

periods as (

    select
        courses.*,
        {{ whole_days_between('courses.first_fill_date', 'courses.evaluation_date') }} + 1
        - coalesce(course_stays.days_away, 0) as treatment_days
    from courses
    left join course_stays
        on
            courses.measure_year = course_stays.measure_year
            and courses.person_key = course_stays.person_key
            and courses.drug_class = course_stays.drug_class

),

covered as (

    select
        periods.measure_year,
        periods.person_key,
        periods.drug_class,
        periods.fill_dates,
        periods.first_fill_date,
        periods.last_fill_date,
        periods.treatment_days,
        sum(
            greatest(
                least(reached.end_day, periods.treatment_days)
                - greatest(reached.end_day - reached.days_supply, reached.reached_day),
                0
            )
        ) as covered_days,
        max(reached.end_day) as runout_day
    from periods
    inner join reached
        on
            periods.measure_year = reached.measure_year
            and periods.person_key = reached.person_key
            and periods.drug_class = reached.drug_class
    group by
        periods.measure_year,
        periods.person_key,
        periods.drug_class,
        periods.fill_dates,
        periods.first_fill_date,
        periods.last_fill_date,
        periods.treatment_days

),

final as (

    select
        cast(measure_year as int) as measure_year,
        person_key,
        cast(drug_class as string) as drug_class,
        cast(fill_dates as int) as fill_dates,
        cast(treatment_days as int) as treatment_days,
        cast(covered_days as int) as covered_days,
        cast(first_fill_date as date) as first_fill_date,
        cast(last_fill_date as date) as last_fill_date,
        cast({{ date_plus_days('first_fill_date', 'runout_day') }} as date) as runout_date
    from covered

)

select * from final
