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

-- Ingredients that a class or a check names; numbers are sorted faster than names.
ingredients as (

    select
        ingredient,
        row_number() over (order by ingredient) as ingredient_number
    from (
        select ingredient from {{ ref('drug_class') }}
        union
        select ingredient from {{ ref('drug_group') }}
    ) as named

),

products as (

    select
        products.product_code,
        ingredients.ingredient_number
    from {{ ref('drug_product') }} as products
    inner join ingredients on products.ingredient = ingredients.ingredient

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
        least(max(last_fills.fill_date), max(run.as_of)) as evaluation_date
    from (
        select
            person_key,
            max(fill_date) as fill_date
        from fills
        group by person_key
    ) as last_fills
    inner join persons on last_fills.person_key = persons.person_key
    cross join run
    group by persons.payer_key

),

known_fills as (

    select
        cast(fills.person_key as bigint) * 10000 + products.ingredient_number as course,
        cast(fills.ndc_code as bigint) as ndc,
        fills.days_supply,
        {{ whole_days_between("date '2000-01-01'", 'fills.fill_date') }} as fill_day,
        evaluations.evaluation_date
    from fills
    inner join products on substr(fills.ndc_code, 1, 9) = products.product_code
    inner join persons on fills.person_key = persons.person_key
    inner join evaluations
        on
            persons.payer_key = evaluations.payer_key
            and fills.fill_date <= evaluations.evaluation_date
            and fills.fill_date > {{ date_plus_months('evaluations.evaluation_date', -18) }}

),

usual_counts as (

    select
        ndc,
        days_supply,
        count(*) as fill_count
    from known_fills
    where days_supply > 0
    group by ndc, days_supply

),

usual_shares as (

    select
        ndc,
        days_supply,
        sum(fill_count) over (
            partition by ndc order by days_supply
            rows between unbounded preceding and current row
        ) as fills_to_here,
        sum(fill_count) over (partition by ndc) as all_fills
    from usual_counts

),

usual as (

    select
        ndc,
        min(days_supply) as days_supply
    from usual_shares
    where fills_to_here * 2 >= all_fills
    group by ndc

),

known as (

    select
        known_fills.course,
        known_fills.ndc,
        known_fills.fill_day,
        known_fills.evaluation_date,
        max(least(
            case
                when known_fills.days_supply > 0 then known_fills.days_supply
                else usual.days_supply
            end,
            180
        )) as days_supply
    from known_fills
    left join usual on known_fills.ndc = usual.ndc
    group by
        known_fills.course,
        known_fills.ndc,
        known_fills.fill_day,
        known_fills.evaluation_date

),

cumulated as (

    select
        *,
        sum(days_supply) over (
            partition by course
            order by fill_day, ndc
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
            partition by course
            order by fill_day, ndc
            rows between unbounded preceding and current row
        ) as end_day
    from cumulated

),

final as (

    select
        cast(floor(shifted.course / 10000) as int) as person_key,
        cast(ingredients.ingredient as string) as ingredient,
        cast(shifted.ndc as bigint) as ndc_number,
        cast(shifted.days_supply as int) as days_supply,
        cast({{ date_plus_days("date '2000-01-01'", 'shifted.fill_day') }} as date) as fill_date,
        cast({{ date_plus_days("date '2000-01-01'", 'shifted.end_day - shifted.days_supply') }}
            as date) as supply_start_date,
        cast({{ date_plus_days("date '2000-01-01'", 'shifted.end_day - 1') }} as date)
            as supply_end_date,
        cast(shifted.evaluation_date as date) as evaluation_date
    from shifted
    inner join ingredients
        on shifted.course % 10000 = ingredients.ingredient_number

)

select * from final
