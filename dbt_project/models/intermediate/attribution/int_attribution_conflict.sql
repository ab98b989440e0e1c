-- METHODS B.5: every conflict of two programs about one clinician's visits is written down.

with

credits as (

    select * from {{ ref('int_visit_credit') }}

),

final as (

    select
        cast(payer_key as int) as payer_key,
        cast(pair_number as int) as pair_number,
        cast(rendering_npi as bigint) as rendering_npi,
        cast(billing_tin as bigint) as billing_tin,
        cast(program_id as string) as program_id,
        cast(other_program_id as string) as other_program_id,
        cast(decided_by as string) as decided_by,
        cast(credit_date as date) as credit_date
    from credits
    where other_program_id is not null

)

select * from final
