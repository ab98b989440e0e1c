-- A practice's name as the newest roster row of its program states it.

with

roster as (

    select * from {{ ref('stg_ledger__provider_roster') }}

),

newest as (

    select
        program_id,
        practice_id,
        practice_name
    from roster
    where program_id is not null and practice_id is not null
    qualify row_number() over (
        partition by program_id, practice_id
        order by delivery_order desc, roster_start_date desc, row_number desc
    ) = 1

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(practice_id as string) as practice_id,
        cast(practice_name as string) as practice_name
    from newest

)

select * from final
