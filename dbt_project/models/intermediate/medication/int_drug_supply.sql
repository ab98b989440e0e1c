-- METHODS E.1 steps 1 and 2, E.3: what each fill of a known ingredient covers. A fill that comes early
-- begins where the earlier supply of the same ingredient ends; another ingredient does not wait. Of
-- equal fills of a product on one day the longest counts; supply of none is taken for the product's
-- usual (its lower median), of more than 180 days for 180.
--
-- Told as of the last day whose fills a payer has sent: a fill that is not known yet was not skipped.
-- 18 months back, so that what was carried over from before is counted.

with

fills as (

    select * from {{ ref('int_pharmacy_fill') }}

),

products as (

    select * from {{ ref('drug_product') }}

),

persons as (

    select
        person_key,
        payer_key
    from {{ ref('int_person') }}

),

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

evaluations as (

    select
        persons.payer_key,
        least(max(fills.fill_date), max(run.as_of)) as evaluation_date
    from fills
    inner join persons on fills.person_key = persons.person_key
    cross join run
    group by persons.payer_key

),

usual_counts as (

    select
        ndc_code,
        days_supply,
        count(*) as fill_count
    from fills
    where days_supply > 0
    group by ndc_code, days_supply

),

usual_shares as (

    select
        ndc_code,
        days_supply,
        sum(fill_count) over (
            partition by ndc_code order by days_supply
            rows between unbounded preceding and current row
        ) as fills_to_here,
        sum(fill_count) over (partition by ndc_code) as all_fills
    from usual_counts

),

usual as (

    select
        ndc_code,
        min(days_supply) as days_supply
    from usual_shares
    where fills_to_here * 2 >= all_fills
    group by ndc_code

),

known as (

    select
        fills.person_key,
        products.ingredient,
        fills.ndc_code,
        fills.fill_date,
        evaluations.evaluation_date,
        max(least(
            case when fills.days_supply > 0 then fills.days_supply else usual.days_supply end, 180
        )) as days_supply
    from fills
    inner join products on substr(fills.ndc_code, 1, 9) = products.product_code
    inner join persons on fills.person_key = persons.person_key
    inner join evaluations on persons.payer_key = evaluations.payer_key
    left join usual on fills.ndc_code = usual.ndc_code
    where
        fills.fill_date <= evaluations.evaluation_date
        and fills.fill_date > {{ date_plus_months('evaluations.evaluation_date', -18) }}
    group by
        fills.person_key,
        products.ingredient,
        fills.ndc_code,
        fills.fill_date,
        evaluations.evaluation_date

),

cumulated as (

    select
        person_key,
        ingredient,
        ndc_code,
        fill_date,
        evaluation_date,
        days_supply,
        {{ whole_days_between("date '2000-01-01'", 'fill_date') }} as fill_day,
        sum(days_supply) over (
            partition by person_key, ingredient
            order by fill_date, ndc_code
            rows between unbounded preceding and current row
        ) as supply_to_date
    from known
    where days_supply > 0

),

-- The supply of an ingredient ends where all of it since the fill that had to wait for none ends.
shifted as (

    select
        *,
        supply_to_date + max(fill_day - (supply_to_date - days_supply)) over (
            partition by person_key, ingredient
            order by fill_date, ndc_code
            rows between unbounded preceding and current row
        ) as end_day
    from cumulated

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(ingredient as string) as ingredient,
        cast(ndc_code as string) as ndc_code,
        cast(days_supply as int) as days_supply,
        cast(fill_date as date) as fill_date,
        cast({{ date_plus_days("date '2000-01-01'", 'end_day - days_supply') }} as date)
            as supply_start_date,
        cast({{ date_plus_days("date '2000-01-01'", 'end_day - 1') }} as date) as supply_end_date,
        cast(evaluation_date as date) as evaluation_date
    from shifted

)

select * from final
