with

run as (

    select * from {{ run_input('run') }}

),

typed as (

    select
        cast(input_version as string) as input_version,
        cast(claims_through_period as string) as claims_through_period,
        cast(code_version as string) as code_version,
        cast(as_of as date) as as_of
    from run

)

select * from typed
