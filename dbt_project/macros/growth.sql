{#- A build that adds: tables of claims keep what the last build put there, and take in what the new
    deliveries changed (docs/adr/0010). orchestration/growth.py decides it and says so in
    CARE_BUILD; dbt run by hand always rebuilds. -#}
{% macro is_growth() -%}
    {{ return(execute and env_var('CARE_BUILD', 'rebuild') == 'growth') }}
{%- endmacro %}

{#- dbt's own question before it adds to an incremental table. -#}
{% macro should_full_refresh() -%}
    {%- if model.resource_type == 'model' -%}
        {{ return(not is_growth()) }}
    {%- endif -%}
    {{ return(dbt.should_full_refresh()) }}
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
        delete from {{ this }}
        where claim_key in (select claim_key from {{ ref('int_claim_changed') }})
    {%- endif -%}
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

{% macro drop_previous_resolved_lines() -%}
    {%- if is_growth() -%}
        drop table {{ previous(ref('int_claim_line_resolved')) }}
    {%- endif -%}
{%- endmacro %}
