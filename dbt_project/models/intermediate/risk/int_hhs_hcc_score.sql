-- METHODS G.2: HHS-HCC scores of the same year, from the official tables in the seeds hhs_hcc_* (empty
-- as delivered: then there is no row here, and no claim is read). Diagnoses count of inpatient bills,
-- and of outpatient bills and professional claims with an eligible service; higher categories drop
-- lower ones; a group counts once for all of its categories. Infants, whose categories are other ones,
-- and drug categories are not scored.

with

diagnoses as (

    select * from {{ ref('hhs_hcc_diagnosis') }}

),

services as (

    select * from {{ ref('hhs_hcc_service') }}

),

hierarchies as (

    select * from {{ ref('hhs_hcc_hierarchy') }}

),

groups as (

    select * from {{ ref('hhs_hcc_group') }}

),

factors as (

    select * from {{ ref('hhs_hcc_factor') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

covers as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'medical'

),

member_months as (

    select
        person_key,
        month_number
    from {{ ref('int_member_month_counted') }}
    where is_medical

),

years as (

    select distinct benefit_year from factors

),

claim_lines as (

    select * from {{ ref('int_claim_line_final') }}
    where
        claim_status = 'paid'
        and year(thru_date) in (select years.benefit_year from years)

),

-- A claim counts by its bill, or by one of its services.
eligible_claims as (

    select distinct
        claim_lines.payer,
        claim_lines.claim_id,
        year(claim_lines.thru_date) as benefit_year
    from claim_lines
    left join services
        on
            claim_lines.hcpcs_code = services.hcpcs_code
            and year(claim_lines.thru_date) = services.benefit_year
    where
        (claim_lines.claim_type = 'I' and substr(claim_lines.bill_type_code, 1, 2) = '11')
        or (
            services.hcpcs_code is not null
            and (
                claim_lines.claim_type = 'P'
                or substr(claim_lines.bill_type_code, 1, 2)
                in ('13', '71', '73', '76', '77', '85', '87')
            )
        )

),

codes as (

    select distinct
        payer,
        person_id,
        claim_id,
        {{ columns_to_rows(claim_code_columns()) }} as diagnosis_code
    from claim_lines

),

enrolled as (

    select
        years.benefit_year,
        member_months.person_key,
        count(*) as enrolled_months
    from years
    inner join member_months
        on
            member_months.month_number >= years.benefit_year * 12
            and member_months.month_number <= years.benefit_year * 12 + 11
    group by years.benefit_year, member_months.person_key

),

last_days as (

    select
        years.benefit_year,
        covers.person_key,
        max(least(covers.span_end_date, make_date(cast(years.benefit_year as int), 12, 31)))
            as last_day
    from years
    inner join covers
        on
            covers.span_start_date <= make_date(cast(years.benefit_year as int), 12, 31)
            and covers.span_end_date >= make_date(cast(years.benefit_year as int), 1, 1)
    group by years.benefit_year, covers.person_key

),

-- Age on the last day of enrolment decides the model.
members as (

    select
        enrolled.benefit_year,
        enrolled.person_key,
        enrolled.enrolled_months,
        persons.payer,
        persons.person_id,
        persons.sex,
        {{ completed_years('persons.birth_date', 'last_days.last_day') }} as age_last,
        case
            when {{ completed_years('persons.birth_date', 'last_days.last_day') }} >= 21
                then 'adult'
            else 'child'
        end as age_model
    from enrolled
    inner join last_days
        on
            enrolled.benefit_year = last_days.benefit_year
            and enrolled.person_key = last_days.person_key
    inner join persons on enrolled.person_key = persons.person_key
    where {{ completed_years('persons.birth_date', 'last_days.last_day') }} >= 2

),

mapped as (

    select distinct
        members.benefit_year,
        members.person_key,
        diagnoses.hcc
    from codes
    inner join eligible_claims
        on codes.payer = eligible_claims.payer and codes.claim_id = eligible_claims.claim_id
    inner join diagnoses
        on
            eligible_claims.benefit_year = diagnoses.benefit_year
            and codes.diagnosis_code = diagnoses.diagnosis_code
    inner join members
        on
            codes.payer = members.payer
            and codes.person_id = members.person_id
            and diagnoses.benefit_year = members.benefit_year
            and members.age_last >= coalesce(diagnoses.age_low, 0)
            and members.age_last <= coalesce(diagnoses.age_high, 999)
            and (diagnoses.sex is null or diagnoses.sex = members.sex)

),

dropped as (

    select distinct
        mapped.benefit_year,
        mapped.person_key,
        hierarchies.dropped_hcc as hcc
    from mapped
    inner join hierarchies
        on mapped.benefit_year = hierarchies.benefit_year and mapped.hcc = hierarchies.hcc

),

kept as (

    select
        mapped.benefit_year,
        mapped.person_key,
        mapped.hcc,
        payment_groups.hcc_group
    from mapped
    left join dropped
        on
            mapped.benefit_year = dropped.benefit_year
            and mapped.person_key = dropped.person_key
            and mapped.hcc = dropped.hcc
    left join groups as payment_groups
        on
            mapped.benefit_year = payment_groups.benefit_year
            and mapped.hcc = payment_groups.hcc
            and payment_groups.hcc_group not in ('SEVERE', 'TRANSPLANT')
    where dropped.hcc is null

),

-- What is paid for: a group once, else the category itself.
terms as (

    select distinct
        benefit_year,
        person_key,
        case when hcc_group is not null then 'group' else 'hcc' end as term_kind,
        coalesce(hcc_group, hcc) as term
    from kept

),

-- Categories that are severe illness or a transplant; all that is paid for is counted for them.
counted as (

    select
        terms.benefit_year,
        terms.person_key,
        count(*) as payment_terms
    from terms
    group by terms.benefit_year, terms.person_key

),

count_kinds as (

    select distinct
        kept.benefit_year,
        kept.person_key,
        groups.hcc_group as count_kind
    from kept
    inner join groups
        on
            kept.benefit_year = groups.benefit_year
            and kept.hcc = groups.hcc
            and groups.hcc_group in ('SEVERE', 'TRANSPLANT')

),

-- Of the numbers a table gives factors for, the greatest that is not above the person's.
count_steps as (

    select
        members.benefit_year,
        members.person_key,
        factors.metal,
        factors.factor
    from count_kinds
    inner join counted
        on
            count_kinds.benefit_year = counted.benefit_year
            and count_kinds.person_key = counted.person_key
    inner join members
        on
            count_kinds.benefit_year = members.benefit_year
            and count_kinds.person_key = members.person_key
    inner join factors
        on
            members.benefit_year = factors.benefit_year
            and members.age_model = factors.age_model
            and factors.term_kind = 'count'
            and factors.term = count_kinds.count_kind
            and factors.from_number <= counted.payment_terms
    qualify row_number() over (
        partition by
            members.benefit_year, members.person_key, factors.metal, count_kinds.count_kind
        order by factors.from_number desc
    ) = 1

),

summands as (

    select
        members.benefit_year,
        members.person_key,
        factors.metal,
        'demographic' as term_kind,
        factors.factor
    from members
    inner join factors
        on
            members.benefit_year = factors.benefit_year
            and members.age_model = factors.age_model
            and factors.term_kind = 'demographic'
            and factors.sex = members.sex
            and members.age_last between factors.from_number and factors.to_number
    union all
    select
        members.benefit_year,
        members.person_key,
        factors.metal,
        terms.term_kind,
        factors.factor
    from terms
    inner join members
        on terms.benefit_year = members.benefit_year and terms.person_key = members.person_key
    inner join factors
        on
            terms.benefit_year = factors.benefit_year
            and members.age_model = factors.age_model
            and terms.term_kind = factors.term_kind
            and terms.term = factors.term
    union all
    select
        benefit_year,
        person_key,
        metal,
        'count' as term_kind,
        factor
    from count_steps
    union all
    -- Part of a year, of adults with something that is paid for.
    select
        members.benefit_year,
        members.person_key,
        factors.metal,
        'duration' as term_kind,
        factors.factor
    from members
    inner join counted
        on
            members.benefit_year = counted.benefit_year
            and members.person_key = counted.person_key
    inner join factors
        on
            members.benefit_year = factors.benefit_year
            and members.age_model = factors.age_model
            and factors.term_kind = 'duration'
            and factors.from_number = members.enrolled_months

),

scored as (

    select
        summands.benefit_year,
        summands.person_key,
        summands.metal,
        sum(case when summands.term_kind = 'demographic' then summands.factor else 0 end)
            as demographic_score,
        sum(summands.factor) as risk_score,
        sum(case when summands.term_kind in ('hcc', 'group') then 1 else 0 end) as payment_terms
    from summands
    group by summands.benefit_year, summands.person_key, summands.metal
    having bool_or(summands.term_kind = 'demographic')

),

final as (

    select
        cast(scored.benefit_year as int) as benefit_year,
        cast(scored.person_key as int) as person_key,
        cast(scored.metal as string) as metal,
        cast(members.age_model as string) as age_model,
        cast(members.age_last as int) as age_last,
        cast(members.enrolled_months as int) as enrolled_months,
        cast(scored.payment_terms as int) as payment_terms,
        cast(scored.demographic_score as decimal(9, 3)) as demographic_score,
        cast(scored.risk_score as decimal(9, 3)) as risk_score
    from scored
    inner join members
        on
            scored.benefit_year = members.benefit_year
            and scored.person_key = members.person_key

)

select * from final
