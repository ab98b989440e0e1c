-- Whose results are told apart: every program, and each partner of a program that has several
-- (results for each group and for both).

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

programs as (

    select * from {{ ref('int_program_market') }}

),

numbers as (

    {{ numbers_below_1000() }}

),

-- partners is ',a,b,': with the commas counted, the n-th name stands between two of them.
partners as (

    select
        program_terms.program_id,
        split(program_terms.partners, ',')[numbers.number + {{ first_index() }}] as partner_id,
        length(program_terms.partners) - length(replace(program_terms.partners, ',', '')) - 1
            as partner_count
    from program_terms
    inner join numbers
        on
            numbers.number between 1
            and length(program_terms.partners)
            - length(replace(program_terms.partners, ',', '')) - 1

),

units as (

    select
        programs.program_id as reporting_unit_id,
        programs.program_id,
        cast(null as string) as partner_id
    from programs
    union all
    select
        concat(partners.program_id, '/', partners.partner_id) as reporting_unit_id,
        partners.program_id,
        partners.partner_id
    from partners
    where partners.partner_count > 1

),

final as (

    select
        cast(units.reporting_unit_id as string) as reporting_unit_id,
        cast(units.program_id as string) as program_id,
        cast(units.partner_id as string) as partner_id,
        cast(programs.payer as string) as payer,
        cast(programs.market_area_id as string) as market_area_id
    from units
    inner join programs on units.program_id = programs.program_id

)

select * from final
