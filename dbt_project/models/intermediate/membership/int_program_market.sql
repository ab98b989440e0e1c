-- Which market a program is compared with (METHODS H.2), and its place in the order of programs.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

payers as (

    select distinct payer, payer_key from {{ ref('int_person') }}

),

-- METHODS B.5: where two programs claim one visit, the earlier start decides.
ordered as (

    select
        program_terms.program_id,
        program_terms.payer,
        payers.payer_key,
        program_terms.market_area_id,
        coalesce(program_terms.effective_date, program_terms.baseline_start_date)
            as program_start_date
    from program_terms
    left join payers on program_terms.payer = payers.payer

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(payer as string) as payer,
        cast(market_area_id as string) as market_area_id,
        cast(payer_key as int) as payer_key,
        cast(row_number() over (order by program_start_date, program_id) as int)
            as program_precedence,
        cast(program_start_date as date) as program_start_date
    from ordered

)

select * from final
