{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"snapshot_number\") }}'
    )
}}

-- METHODS B.6: how a member's belonging changed against the month before.
--   NEW, RETAINED, RETURNED (gap of at most 12 months)   in a program this month
--   LOST_COVERAGE, LOST_NO_VISITS, LOST_OTHER_GROUP,
--   ROSTER_CHANGE (the same clinician, now outside)      once in a program, not this month
-- The first snapshot has no month before it: its members are NEW.

with

months as (

    select * from {{ with_changed_month(ref('int_attribution_decided')) }} as decided

),

-- Of months that stay as they are, a later one asks only for the last in each program.
decided as (

    select
        person_key,
        payer_key,
        snapshot_number,
        step,
        npi,
        group_number,
        is_in_program,
        true as is_taken
    from months
    where snapshot_number >= changed_month_number
    union all
    select
        person_key,
        max(payer_key) as payer_key,
        max(snapshot_number) as snapshot_number,
        cast(null as int) as step,
        max_by(npi, snapshot_number) as npi,
        group_number,
        true as is_in_program,
        false as is_taken
    from months
    where snapshot_number < changed_month_number and is_in_program
    group by person_key, group_number

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

once_in_program as (

    select distinct person_key from decided where is_in_program

),

histories as (

    select
        decided.person_key,
        decided.payer_key,
        decided.snapshot_number,
        decided.step,
        decided.npi,
        decided.group_number,
        decided.is_in_program,
        decided.is_taken,
        -- Month and group of the last month in any program, as one number that orders by month.
        max(
            case
                when decided.is_in_program
                    then
                        decided.snapshot_number * cast(100000000000 as bigint)
                        + decided.group_number
            end
        ) over earlier as last_program_month,
        -- The same for the clinician of that month.
        max(
            case
                when decided.is_in_program
                    then decided.snapshot_number * cast(100000000000 as bigint) + decided.npi
            end
        ) over earlier as last_clinician_month
    from decided
    inner join once_in_program on decided.person_key = once_in_program.person_key
    window earlier as (
        partition by decided.person_key
        order by decided.snapshot_number
        rows between unbounded preceding and 1 preceding
    )

),

program_histories as (

    select
        person_key,
        snapshot_number,
        lag(snapshot_number) over (
            partition by person_key, group_number
            order by snapshot_number
        ) as previous_number_in_program
    from decided
    where is_in_program

),

compared as (

    select
        histories.person_key,
        histories.payer_key,
        histories.snapshot_number,
        histories.step,
        histories.npi,
        histories.is_in_program,
        histories.last_program_month % 100000000000 as last_program_group_number,
        case
            when
                histories.last_program_month - histories.last_program_month % 100000000000
                = (histories.snapshot_number - 1) * cast(100000000000 as bigint)
                then histories.last_program_month % 100000000000
        end as previous_program_group_number,
        histories.last_clinician_month % 100000000000 as last_npi,
        program_histories.previous_number_in_program
    from histories
    left join program_histories
        on
            histories.person_key = program_histories.person_key
            and histories.snapshot_number = program_histories.snapshot_number
    where
        histories.is_taken
        and (histories.is_in_program or histories.last_program_month is not null)

),

named as (

    select
        compared.person_key,
        compared.snapshot_number,
        compared.previous_program_group_number,
        case
            when compared.is_in_program and compared.previous_number_in_program is null then 'NEW'
            when
                compared.is_in_program
                and compared.previous_number_in_program = compared.snapshot_number - 1
                then 'RETAINED'
            when
                compared.is_in_program
                and compared.previous_number_in_program >= compared.snapshot_number - 13
                then 'RETURNED'
            when compared.is_in_program then 'NEW'
            when
                compared.step in (1, 2, 3)
                then 'LOST_COVERAGE'
            when compared.step = 8 then 'LOST_NO_VISITS'
            when compared.npi = compared.last_npi then 'ROSTER_CHANGE'
            else 'LOST_OTHER_GROUP'
        end as status,
        -- The clinician who held the member in the last program month is off that roster now.
        last_program_group_number is not null
        and not coalesce(program_clinicians.is_on_roster, false)
        and (
            not compared.is_in_program
            or compared.previous_number_in_program is null
            or compared.previous_number_in_program < compared.snapshot_number - 1
        ) as has_roster_note
    from compared
    left join program_clinicians
        on
            compared.payer_key = program_clinicians.payer_key
            and compared.last_npi = program_clinicians.npi
            and compared.last_program_group_number = program_clinicians.group_number
            and compared.snapshot_number = program_clinicians.snapshot_number

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(snapshot_number as int) as snapshot_number,
        cast(previous_program_group_number as bigint) as previous_program_group_number,
        cast(status as string) as status,
        cast(has_roster_note as boolean) as has_roster_note
    from named

)

select * from final
