-- psql --set=password=… < create-database.sql, once, as PostgreSQL's own superuser.
-- The role owns Dagster's database and nothing else; Dagster makes and migrates its tables.
create role care login password :'password' nosuperuser nocreatedb nocreaterole;
create database care_dagster owner care encoding 'UTF8' template template0;
revoke all on database care_dagster from public;
