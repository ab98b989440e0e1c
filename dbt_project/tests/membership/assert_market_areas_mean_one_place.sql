-- Programs that name one market area describe it alike, and areas of a payer do not overlap except
-- that one naming ZIP-3s may lie in one naming the state: a member would be in two markets.
{{ config(meta={'dagster': {'ref': {'name': 'int_market_area'}}}) }}

with

areas as (

    select distinct
        payer,
        market_area_id,
        market_state,
        coalesce(market_zip3, '') as market_zip3
    from {{ ref('stg_ledger__program_terms') }}

),

places as (

    select distinct
        payer,
        state,
        zip3
    from {{ ref('int_market_area') }}

)

select
    payer,
    market_area_id as area_or_place
from areas
group by payer, market_area_id
having count(*) > 1
union all
select
    places.payer,
    concat(places.state, ' ', places.zip3) as area_or_place
from places
inner join areas
    on
        places.payer = areas.payer
        and places.state = areas.market_state
        and areas.market_zip3 like concat('%,', places.zip3, ',%')
group by places.payer, places.state, places.zip3
having count(distinct areas.market_area_id) > 1
