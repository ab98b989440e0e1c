"""Puts encounters to members, or into a queue with the reason: nobody is guessed (METHODS F.4).

Every field that message and member both have is compared and weighed; a member is taken only where
the agreed share reaches the threshold and no other member's does. Who is told of in several visits
is compared once. Whose list a member is on does
not belong here.
"""

import duckdb

from orchestration.coordination.sources import run_statements

MATCH_THRESHOLD = 0.90
"""`match_threshold` of METHODS P: share of the compared weight that must agree."""
WEIGHTS = {"member_id": 4, "birth_date": 3, "last_name": 2, "first_name": 2, "sex": 1}
NEARLY = 0.90
"""Jaro-Winkler similarity from which a name agrees by half: one letter mistyped."""

QUEUE_REASONS = {
    "TOO_LITTLE_TOLD": "The hospital sent neither a member's number with a birth date nor a whole "
    "name with one; ask it to send them.",
    "UNKNOWN_MEMBER_ID": "The payer knows no member of this number; ask the hospital to check the "
    "insurance card.",
    "MEMBER_ID_OF_ANOTHER": "The number is of a member whose name or birth date differs; ask the "
    "hospital who it was.",
    "SEVERAL_MEMBERS_FIT": "More than one member fits; ask the hospital for the member's number.",
    "NOT_LIKE_ENOUGH": "The nearest member is not like enough; ask the hospital to check name and "
    "birth date.",
    "NOBODY_FITS": "No member of the payer is like the person told of; perhaps insured elsewhere.",
}

_NORMAL = "regexp_replace(strip_accents(upper({column})), '[^A-Z]', '', 'g')"


def match_encounters(connection: duckdb.DuckDBPyConnection) -> None:
    """Make tables `encounter_member` (encounter_key, person_id, score) and `adt_queue`.

    Reads `encounter` and `care_member`. Every encounter that was not cancelled is in exactly one of
    both.
    """
    name = {side: _NORMAL.format(column=side) for side in ("last_name", "first_name")}
    run_statements(
        connection,
        f"""
        create temp table known_person as
        select payer, person_id, birth_date, case when sex in ('F', 'M') then sex end as sex,
            nullif({name["last_name"]}, '') as last_name,
            nullif({name["first_name"]}, '') as first_name
        from care_member;
        create temp table told_encounter as
        select
            encounter_key,
            dense_rank() over (
                order by payer, told_person_id, birth_date, sex, last_name, first_name
            ) as identity_key,
            payer, told_person_id, birth_date, sex, last_name, first_name
        from (
            select encounter_key, payer, told_person_id, birth_date, sex,
                nullif({name["last_name"]}, '') as last_name,
                nullif({name["first_name"]}, '') as first_name
            from encounter where not is_cancelled
        );
        create temp table told_person as
        select distinct identity_key, payer, told_person_id, birth_date, sex, last_name, first_name
        from told_encounter
        """,
    )
    connection.execute(
        """
        create temp table candidate_pair as
        select told_person.identity_key, known_person.person_id
        from told_person inner join known_person
            on
                told_person.payer = known_person.payer
                and told_person.told_person_id = known_person.person_id
        union
        select told_person.identity_key, known_person.person_id
        from told_person inner join known_person
            on
                told_person.payer = known_person.payer
                and told_person.birth_date = known_person.birth_date
        where jaro_winkler_similarity(told_person.last_name, known_person.last_name) >= $nearly
        """,
        {"nearly": NEARLY},
    )
    compared = {
        "member_id": ("told_person_id", "person_id"),
        "birth_date": ("birth_date", "birth_date"),
        "last_name": ("last_name", "last_name"),
        "first_name": ("first_name", "first_name"),
        "sex": ("sex", "sex"),
    }
    weighed, agreed = [], []
    for field, (told, known) in compared.items():
        both = f"told.{told} is not null and known.{known} is not null"
        weight = WEIGHTS[field]
        weighed.append(f"case when {both} then {weight} else 0 end")
        likeness = f"case when told.{told} = known.{known} then {weight}"
        if field.endswith("_name"):
            likeness += (
                f" when jaro_winkler_similarity(told.{told}, known.{known}) >= {NEARLY}"
                f" then {weight / 2}"
            )
        agreed.append(f"case when {both} then {likeness} else 0 end else 0 end")
    connection.execute(
        f"""
        create temp table candidate as
        select
            candidate_pair.identity_key,
            candidate_pair.person_id,
            ({" + ".join(agreed)})::double / ({" + ".join(weighed)}) as score,
            coalesce(told.told_person_id = known.person_id, false) as is_id_equal,
            told.birth_date is not null
            and known.birth_date is not null
            and (
                coalesce(told.told_person_id = known.person_id, false)
                or (
                    told.last_name is not null and known.last_name is not null
                    and told.first_name is not null and known.first_name is not null
                )
            ) as is_enough
        from candidate_pair
        inner join told_person as told using (identity_key)
        inner join known_person as known
            on told.payer = known.payer and candidate_pair.person_id = known.person_id
        """
    )
    connection.execute(
        """
        create temp table judged_identity as
        select
            told_person.*,
            max(candidate.score) as best_score,
            count(*) filter (where candidate.score >= $threshold and candidate.is_enough) as fits,
            max_by(candidate.person_id, candidate.score)
                filter (where candidate.score >= $threshold and candidate.is_enough) as person_id,
            coalesce(bool_or(candidate.is_id_equal), false) as is_id_known
        from told_person left join candidate using (identity_key)
        group by all
        """,
        {"threshold": MATCH_THRESHOLD},
    )
    run_statements(
        connection,
        """
        create temp table encounter_member as
        select told_encounter.encounter_key, person_id, best_score as score
        from judged_identity inner join told_encounter using (identity_key)
        where fits = 1;
        create temp table adt_queue as
        select
            told_encounter.encounter_key,
            case
                when fits > 1 then 'SEVERAL_MEMBERS_FIT'
                when
                    judged_identity.birth_date is null
                    or (
                        judged_identity.told_person_id is null
                        and (
                            judged_identity.last_name is null
                            or judged_identity.first_name is null
                        )
                    ) then 'TOO_LITTLE_TOLD'
                when is_id_known then 'MEMBER_ID_OF_ANOTHER'
                when judged_identity.told_person_id is not null then 'UNKNOWN_MEMBER_ID'
                when best_score is not null then 'NOT_LIKE_ENOUGH'
                else 'NOBODY_FITS'
            end as reason,
            best_score
        from judged_identity inner join told_encounter using (identity_key)
        where fits <> 1
        """,
    )
