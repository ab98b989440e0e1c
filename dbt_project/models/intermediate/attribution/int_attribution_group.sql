-- METHODS B.3 step 4: a group is a program or, outside every program, a billing TIN; a clinician
-- without a TIN stands alone. The number is the NPI, the TIN or the program's place with a digit in
-- front: it follows the text key, so that "smallest group key" is the smallest number, and stays
-- when other groups come.

with

programs as (

    select * from {{ ref('int_program_market') }}

),

pairs as (

    select * from {{ ref('int_visit_pair') }}

),

roster as (

    select * from {{ ref('int_roster_span') }}

),

keys as (

    select
        program_id as group_key,
        program_id,
        cast(null as bigint) as tin,
        cast(null as bigint) as npi
    from programs
    union
    select
        concat('TIN:', lpad(cast(billing_tin as string), 9, '0')) as group_key,
        cast(null as string) as program_id,
        billing_tin as tin,
        cast(null as bigint) as npi
    from pairs
    where billing_tin is not null
    union
    select
        concat('TIN:', lpad(cast(tin as string), 9, '0')) as group_key,
        cast(null as string) as program_id,
        tin,
        cast(null as bigint) as npi
    from roster
    union
    select
        concat('NPI:', cast(rendering_npi as string)) as group_key,
        cast(null as string) as program_id,
        cast(null as bigint) as tin,
        rendering_npi as npi
    from pairs
    where billing_tin is null

),

final as (

    select
        cast(
            case
                when npi is not null then npi
                when tin is not null then 10000000000 + tin
                else 20000000000
                    + row_number() over (partition by program_id is null order by program_id)
            end as bigint
        ) as group_number,
        cast(group_key as string) as group_key,
        cast(program_id as string) as program_id,
        cast(tin as bigint) as tin,
        cast(npi as bigint) as npi
    from keys

)

select * from final
