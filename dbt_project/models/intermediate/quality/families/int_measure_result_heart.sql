-- METHODS D.1 M09, M10, M11, M12, M13, M33, M34: measures of blood pressure, of drugs for the heart
-- and of adherence.

with

results as (

    {{ united_measures(['m09', 'm10', 'm11', 'm12', 'm13', 'm33', 'm34']) }}

)

select * from results
