"""The operations, and how often a round does each."""

# The repetitions in a round, at the full scale. A worker stops earlier where an
# operation is slow, unless it writes: all backends must write the same.
OPERATIONS = {
    "create": 60,
    "bulk_create_10k": 1,
    "get_pk": 200,
    "get_indexed_unique": 150,
    "range_order_50": 60,
    "count_filtered": 40,
    "count_all": 40,
    "values_list_10k": 2,
    "iterate_10k": 1,
    "update_5k": 2,
    "update_F_5k": 2,
    "save": 60,
    "save_update_fields": 60,
    "delete_x100": 1,
    "fk_filter": 80,
    "fk_filter_by_id": 120,
    "fk_filter_count": 30,
    "reverse_fk_filter": 60,
    "m2m_filter": 5,
    "m2m_manager_all": 80,
    "select_related_1k": 5,
    "prefetch_m2m_200": 10,
    "prefetch_rev_fk_200": 10,
    "aggregate_avg": 4,
    "aggregate_avg_filtered": 6,
    "group_values_count": 4,
    "annotate_count_top10": 2,
    "exists": 150,
    "in_bulk_500": 15,
    "q_or": 80,
    "icontains": 4,
    "startswith": 100,
    "exclude": 60,
    "isnull_count": 6,
    "year_lookup": 40,
    "json_contains_first": 8,
    "first": 100,
    "subquery_in": 40,
    "bulk_update_500": 3,
    "get_or_create_hit": 150,
    "delete_qs_5k": 1,
    "atomic_2_writes": 40,
}
WRITING = {
    "create",
    "bulk_create_10k",
    "update_5k",
    "update_F_5k",
    "save",
    "save_update_fields",
    "delete_x100",
    "bulk_update_500",
    "delete_qs_5k",
    "atomic_2_writes",
}
# These delete what was created before them, so they cannot be repeated.
ONCE = {"delete_x100", "delete_qs_5k"}
# In these we must be at least ten times as fast as the peer.
TENFOLD = (
    "fk_filter",
    "first",
    "year_lookup",
    "select_related_1k",
    "get_indexed_unique",
    "subquery_in",
)


def times(name: str, effort: float) -> int:
    """Return how often a round does an operation."""
    return max(1, round(OPERATIONS[name] * effort))
