{{ config(pre_hook='{{ keep_previous() }}') }}

-- Where a clinician stands on an attribution date, whatever was billed: the program on whose
-- roster the row is effective (METHODS B.4; of two programs the order of B.5 without its TIN), the
-- program that lists the clinician as primary care, and the TIN group outside programs.

with

roster as (

    select * from {{ ref('int_roster_span') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

active as (

    select
        roster.payer_key,
        roster.npi,
        snapshots.snapshot_number,
        roster.tin,
        roster.program_id,
        roster.program_precedence,
        roster.is_pcp,
        roster.row_days
    from roster
    inner join snapshots
        on
            roster.payer_key = snapshots.payer_key
            and snapshots.snapshot_date between roster.roster_start_date and roster.roster_end_date

),

clinicians as (

    select
        payer_key,
        npi,
        snapshot_number,
        bool_or(is_pcp) as is_pcp
    from active
    group by payer_key, npi, snapshot_number

),

programs as (

    select
        payer_key,
        npi,
        snapshot_number,
        program_id
    from active
    where program_id is not null
    qualify row_number() over (
        partition by payer_key, npi, snapshot_number
        order by row_days desc, program_precedence
    ) = 1

),

pcp_programs as (

    select
        payer_key,
        npi,
        snapshot_number,
        program_id
    from active
    where program_id is not null and is_pcp
    qualify row_number() over (
        partition by payer_key, npi, snapshot_number
        order by row_days desc, program_precedence
    ) = 1

),

-- The directory's own row before a program's; then the longest; then the smallest TIN.
tins as (

    select
        payer_key,
        npi,
        snapshot_number,
        tin
    from active
    qualify row_number() over (
        partition by payer_key, npi, snapshot_number
        order by
            case when program_id is null then 0 else 1 end,
            row_days desc,
            tin
    ) = 1

),

final as (

    select
        cast(clinicians.payer_key as int) as payer_key,
        cast(clinicians.npi as bigint) as npi,
        cast(clinicians.snapshot_number as int) as snapshot_number,
        cast(program_groups.group_number as bigint) as program_group_number,
        cast(pcp_program_groups.group_number as bigint) as pcp_program_group_number,
        cast(tin_groups.group_number as bigint) as tin_group_number,
        cast(clinicians.is_pcp as boolean) as is_pcp
    from clinicians
    inner join tins
        on
            clinicians.payer_key = tins.payer_key
            and clinicians.npi = tins.npi
            and clinicians.snapshot_number = tins.snapshot_number
    inner join groups as tin_groups on tins.tin = tin_groups.tin
    left join programs
        on
            clinicians.payer_key = programs.payer_key
            and clinicians.npi = programs.npi
            and clinicians.snapshot_number = programs.snapshot_number
    left join groups as program_groups on programs.program_id = program_groups.program_id
    left join pcp_programs
        on
            clinicians.payer_key = pcp_programs.payer_key
            and clinicians.npi = pcp_programs.npi
            and clinicians.snapshot_number = pcp_programs.snapshot_number
    left join groups as pcp_program_groups
        on pcp_programs.program_id = pcp_program_groups.program_id

)

select * from final
