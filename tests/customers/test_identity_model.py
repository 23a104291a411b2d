"""The judge of identity is judged itself: what must hold of the plain model, whatever is done to it."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.identity_model import Identity, Refused

NUMBERS = ["1", "2", "3", "4", "5"]
PROFILE = st.fixed_dictionaries(
    {"first_name": st.sampled_from(["Ada", "Grace", "Edith"])},
    optional={
        "address": st.sampled_from(["Here", "There"]),
        "phones": st.lists(st.sampled_from(NUMBERS), unique=True, max_size=3),
        "mobile": st.sampled_from(NUMBERS),
        "emails": st.lists(st.sampled_from(["a@x", "b@x"]), unique=True, max_size=2),
    },
)
WHO = st.integers(1, 6)
STEP = st.one_of(
    st.tuples(st.just("create"), PROFILE, st.sampled_from(["overwrite", "update"])),
    st.tuples(st.just("edit"), WHO, PROFILE),
    st.tuples(st.just("delete"), WHO),
    st.tuples(st.just("undelete"), WHO),
    st.tuples(st.just("erase"), WHO),
    st.tuples(
        st.just("merge"),
        WHO,
        st.lists(WHO, min_size=1, max_size=2),
        st.dictionaries(st.sampled_from(["first_name", "address", "mobile"]), WHO),
    ),
    st.tuples(st.just("unmerge"), st.integers(1, 4)),
    st.tuples(st.just("carry"), WHO, st.just("@labels"), st.lists(st.sampled_from("xyz"), unique=True)),
    st.tuples(st.just("event"), st.integers(1, 9), st.sampled_from(NUMBERS)),
    st.tuples(st.just("link"), st.integers(1, 9), WHO),
)


def profiles_of(model: Identity) -> dict[int, tuple[bool, dict[str, Any]]]:
    return {number: (known.deleted, known.profile) for number, known in model.customers.items()}


def run(model: Identity, step: tuple[Any, ...]) -> None:
    name, *arguments = step
    with suppress(Refused, KeyError):
        getattr(model, name)(*arguments)
    model.check()


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEP, max_size=25))
def test_invariants_hold_after_every_step(steps: list[tuple[Any, ...]]) -> None:
    model = Identity(phone_keys=["mobile"])

    for step in steps:
        run(model, step)


@settings(max_examples=200, deadline=None)
@given(
    profiles=st.lists(PROFILE, min_size=3, max_size=6),
    merges=st.lists(st.tuples(WHO, st.lists(WHO, min_size=1, max_size=2)), max_size=5),
    data=st.data(),
)
def test_merges_undone_in_any_order_give_back_what_was_before(
    profiles: list[Any], merges: list[tuple[int, list[int]]], data: st.DataObject
) -> None:
    model = Identity(phone_keys=["mobile"])
    for profile in profiles:
        run(model, ("create", profile, "overwrite"))
    before = (profiles_of(model), dict(model.owner))
    for into, parts in merges:
        run(model, ("merge", into, parts))

    for number in data.draw(st.permutations(sorted(model.merges))):
        run(model, ("unmerge", number))

    assert (profiles_of(model), model.owner) == before


def test_a_later_edit_is_kept() -> None:
    model = Identity()
    model.create({"first_name": "Ada", "address": "Here"})
    model.create({"first_name": "Grace", "address": "There", "phones": ["1"]})
    merge = model.merge(1, [2], {"first_name": 2, "address": 2})
    model.edit(1, {"address": "Elsewhere"})

    model.unmerge(merge)

    assert model.customers[1].profile == {"first_name": "Ada", "address": "Elsewhere"}
    assert model.customers[2].profile == {"first_name": "Grace", "address": "There", "phones": ["1"]}


def test_interactions_since_the_merge_go_to_the_side_whose_number_was_used() -> None:
    model = Identity()
    model.create({"first_name": "Ada", "phones": ["1"]})
    model.create({"first_name": "Grace", "phones": ["2"]})
    model.event(1, "2")
    merge = model.merge(1, [2])
    model.event(2, "2")
    model.event(3, "1")
    model.event(4, "2")
    model.link(4, 1)
    assert {number: model.whose(number) for number in (1, 2, 3, 4)} == {1: 1, 2: 1, 3: 1, 4: 1}

    model.unmerge(merge)

    assert {number: model.whose(number) for number in (1, 2, 3, 4)} == {1: 2, 2: 2, 3: 1, 4: 1}


def test_an_import_undone_leaves_alone_who_was_changed_since() -> None:
    model = Identity()
    model.create({"first_name": "Ada", "phones": ["1"]})
    model.create({"first_name": "Grace", "phones": ["2"]})
    model.import_rows(
        [
            {"first_name": "Edith", "phones": ["1"]},
            {"first_name": "Mary", "phones": ["2"]},
            {"first_name": "Joan", "phones": ["3"]},
        ],
        "overwrite",
        run=7,
    )
    model.edit(2, {"first_name": "Maria"})

    assert model.undo_import(7) == [2]

    assert [known.profile.get("first_name") for known in model.customers.values()] == ["Ada", "Maria", "Joan"]
    assert model.owner == {"1": 1, "2": 2}
