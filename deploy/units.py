"""Organizational units that are given to Landlord: its policies hold in them, so a wrong id would quarantine
accounts that are none of its own. Each has to be another one, outside of the others, and to hold tenants'
accounts or nobody.
"""

UNITS = ["OnboardingOuId", "CanaryOuId", "EarlyOuId", "GeneralOuId", "RetiringOuId", "SuspendedOuId"]
MARK = "landlord:tenant"
# So many accounts are named.
NAMED = 3


def faults(values, organizations, tagging):
    """What is wrong with the units that the parameters give: one line each."""
    given = {name: values[name] for name in UNITS if values.get(name)}
    by_id = {}
    told = []
    for name, unit in given.items():
        if unit in by_id:
            told.append(f"{name}: {unit} is {by_id[unit]} as well; each unit has to be another one")
        by_id.setdefault(unit, name)
    marked = tenants(tagging) if given else set()
    for unit, name in by_id.items():
        told += of_unit(unit, name, {**by_id, values.get("ParentId"): "ParentId"}, organizations, marked)
    return told


def of_unit(unit, name, known, organizations, marked):
    """What is wrong with a unit and everything below it: a policy holds there, too."""
    told, strangers, below = [], [], [unit]
    while below:
        here = below.pop()
        # ParentId may be a given unit itself: what Landlord makes would stand in it.
        if here != unit or known.get(here) == "ParentId":
            inner = known.get(here)
            if inner:
                told.append(f"{name}: {unit} holds {inner} ({here}), where its policies would hold as well")
        for page in organizations.get_paginator("list_accounts_for_parent").paginate(ParentId=here):
            strangers += [it["Id"] for it in page["Accounts"] if not is_tenant(it["Id"], organizations, marked)]
        pages = organizations.get_paginator("list_organizational_units_for_parent").paginate(ParentId=here)
        below += [it["Id"] for page in pages for it in page["OrganizationalUnits"]]
    if strangers:
        more = f" and {len(strangers) - NAMED} more" if len(strangers) > NAMED else ""
        told.append(f"{name}: {unit} holds accounts without the tag {MARK}, which it would quarantine or protect: "
                    f"{', '.join(strangers[:NAMED])}{more}; move them, or give another unit")
    return told


def tenants(tagging):
    """The accounts that carry the mark, by the index of tags."""
    pages = tagging.get_paginator("get_resources").paginate(
        ResourceTypeFilters=["organizations:account"], TagFilters=[{"Key": MARK}])
    return {it["ResourceARN"].rsplit("/", 1)[-1] for page in pages for it in page["ResourceTagMappingList"]}


def is_tenant(account, organizations, marked):
    """Whether an account carries the mark; one that the index does not know yet is asked itself."""
    if account in marked:
        return True
    pages = organizations.get_paginator("list_tags_for_resource").paginate(ResourceId=account)
    return any(tag["Key"] == MARK for page in pages for tag in page["Tags"])
