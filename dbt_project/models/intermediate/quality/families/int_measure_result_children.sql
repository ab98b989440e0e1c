-- METHODS D.1 M18, M19, M20, M21, M22: measures of children.

with

results as (

    {{ united_measures(['m18', 'm19', 'm20', 'm21', 'm22']) }}

)

select * from results
