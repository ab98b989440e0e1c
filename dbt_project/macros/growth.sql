{#- A build that adds: tables of claims keep what the last build put there, and take in what the new
    deliveries changed (docs/adr/0010). orchestration/growth.py decides it and says so in
    CARE_BUILD; dbt run by hand always rebuilds. -#}
{% macro is_growth() -%}
    {{ return(execute and env_var('CARE_BUILD', 'rebuild') == 'growth') }}
{%- endmacro %}

{#- dbt's own question before it adds to an incremental table, or to a value set that an earlier
    release may have written with other columns. -#}
{% macro should_full_refresh() -%}
    {{ return(not is_growth()) }}
{%- endmacro %}

{#- Materialisation of a table that can be added to. Spark's Parquet tables cannot. -#}
{% macro growing_materialization() -%}
    {{ return(adapter.dispatch('growing_materialization', 'collaborative_care')()) }}
{%- endmacro %}

{% macro default__growing_materialization() -%}
    {{ return('incremental') }}
{%- endmacro %}

{% macro spark__growing_materialization() -%}
    {{ return('table') }}
{%- endmacro %}

{#- Names a model that is read in a build that adds alone: dbt orders it before this one always, and
    a unit test of a rebuild need not give it. -#}
{% macro reads_in_growth(name) -%}
    {%- if not execute -%}
        {%- do ref(name) -%}
    {%- endif -%}
{%- endmacro %}

{#- A condition on a staging model's rows: those of new deliveries; in a rebuild, all of them. -#}
{% macro is_new_row(rows) -%}
    {%- do reads_in_growth('stg_ledger__new_delivery') -%}
    {%- if is_growth() -%}
        {{ return(
            rows ~ ".delivery_id in (select delivery_id from " ~ ref('stg_ledger__new_delivery') ~ ")"
        ) }}
    {%- endif -%}
    {{ return("true") }}
{%- endmacro %}

{#- The final claim lines that a table of claims has to take in: those of changed claims; in a
    rebuild, all of them. -#}
{% macro final_lines_to_take() -%}
    {%- do reads_in_growth('int_claim_line_changed') -%}
    {%- do reads_in_growth('int_claim_changed') -%}
    {{ return(ref('int_claim_line_changed' if is_growth() else 'int_claim_line_final')) }}
{%- endmacro %}

{#- Before a table of claims takes in changed claims it lets go of what it said of them. -#}
{% macro forget_changed_claims() -%}
    {%- if is_growth() -%}
        delete from {{ this }} where claim_key in ({{ changed_claims() }})
    {%- endif -%}
{%- endmacro %}

{% macro changed_claims() -%}
        select claim_key from {{ ref('int_claim_changed') }}
{%- endmacro %}

{#- Keys of the pharmacy claims of new deliveries: only they can stand otherwise than before, for
    what became of a pharmacy claim is told by the rows of its own number. -#}
{% macro new_pharmacy_claims() -%}
        select {{ pair_key('new_claims.payer', 'new_claims.pharmacy_claim_id') }}
        from {{ ref('stg_ledger__pharmacy_claim') }} as new_claims
        where {{ is_new_row('new_claims') }}
{%- endmacro %}

{% macro forget_new_pharmacy_claims() -%}
    {%- if is_growth() -%}
        delete from {{ this }} where claim_key in ({{ new_pharmacy_claims() }})
    {%- endif -%}
{%- endmacro %}

{#- A table that is always built whole, as it was before this build. -#}
{% macro previous(relation) -%}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__previous'})) }}
{%- endmacro %}

{% macro keep_previous() -%}
    {%- if is_growth() -%}
        create or replace table {{ previous(this) }} as select * from {{ this }}
    {%- endif -%}
{%- endmacro %}

{#- Lets go of what the last build kept aside for one that adds. -#}
{% macro drop_previous(names) -%}
    {%- if is_growth() -%}
        {%- for name in names %}
        drop table {{ previous(ref(name)) }};
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}

{#- Rows about persons with `changed_month_number`, the first month of hers that may differ from the
    last build; in a rebuild every month may. A table of months takes in the months from there. -#}
{% macro with_changed_month(relation) -%}
    {%- do reads_in_growth('int_person_changed') -%}
    {%- if is_growth() -%}
        (
            select
                person_rows.*,
                changed.changed_month_number
            from {{ relation }} as person_rows
            inner join {{ ref('int_person_changed') }} as changed
                on person_rows.person_key = changed.person_key
        )
    {%- else -%}
        (select person_rows.*, 0 as changed_month_number from {{ relation }} as person_rows)
    {%- endif -%}
{%- endmacro %}

{#- Before a table of months takes in changed months it lets go of what it said of them. -#}
{% macro forget_changed_months(month) -%}
    {%- if is_growth() -%}
        delete from {{ this }} as kept
        using {{ ref('int_person_changed') }} as changed
        where
            kept.person_key = changed.person_key
            and kept.{{ month }} >= changed.changed_month_number
    {%- endif -%}
{%- endmacro %}

{#- Keeps, of the rows that are about to be forgotten, whose they are and from which month on. -#}
{% macro keep_forgotten(claim_keys, date_expression) -%}
    {%- if is_growth() -%}
    create or replace table {{ previous(this) }} as
    select
        person_key,
        min({{ month_number(date_expression) }}) as month_number
    from {{ this }}
    where claim_key in ({{ claim_keys }})
    group by person_key
    {%- endif -%}
{%- endmacro %}

{#- Rows of a table that the last build had otherwise, as they are and as they were. -#}
{% macro rows_that_differ(name, columns) %}
        select {{ columns }}
        from (
            select {{ columns }} from {{ ref(name) }}
            except all
            select {{ columns }} from {{ previous(ref(name)) }}
        ) as only_now
        union all
        select {{ columns }}
        from (
            select {{ columns }} from {{ previous(ref(name)) }}
            except all
            select {{ columns }} from {{ ref(name) }}
        ) as only_before
{% endmacro %}
