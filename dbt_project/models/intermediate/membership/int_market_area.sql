-- METHODS H.2: a market area is a state, or a list of ZIP-3 areas of it. Each place where a
-- member was covered belongs to at most one area of the payer; an area that names its ZIP-3s
-- comes before one that takes the whole state.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

eligibility_spans as (

    select * from {{ ref('stg_ledger__eligibility_span') }}

),

areas as (

    select distinct
        payer,
        market_area_id,
        market_state,
        coalesce(market_zip3, '') as market_zip3
    from program_terms

),

places as (

    select distinct
        payer,
        state,
        substring(zip_code, 1, 3) as zip3
    from eligibility_spans

),

placed as (

    select
        places.payer,
        places.state,
        places.zip3,
        areas.market_area_id
    from places
    inner join areas
        on
            places.payer = areas.payer
            and places.state = areas.market_state
            and (
                areas.market_zip3 = ''
                or areas.market_zip3 like concat('%,', places.zip3, ',%')
            )
    qualify row_number() over (
        partition by places.payer, places.state, places.zip3
        order by
            case when areas.market_zip3 = '' then 1 else 0 end,
            areas.market_area_id
    ) = 1

),

final as (

    select
        cast(payer as string) as payer,
        cast(state as string) as state,
        cast(coalesce(zip3, '') as string) as zip3,
        cast(market_area_id as string) as market_area_id
    from placed

)

select * from final
