-- METHODS D.1 M01, M02, M03, M04, M05, M06, M07, M08: measures of screening and of diabetes.

with

results as (

    {{ united_measures(['m01', 'm02', 'm03', 'm04', 'm05', 'm06', 'm07', 'm08']) }}

)

select * from results
