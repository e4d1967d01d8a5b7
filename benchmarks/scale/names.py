"""The names of the queries, without Django."""

NAMES = """
    group_by_related having_count genres_count m2m_avg distinct_count
    order_by_related or_related computed_top exclude_m2m_count latest_book
    two_counts window_first select_related_page admin_first related_count
    get_by_key range_page average_price filtered_aggregates group_by_year
    group_by_column icontains_page exists_count not_exists_count subquery_in_sum
    years union_page genres_latest prefetch_page countries_of_many
    m2m_and_related_count distinct_authors_of_genre deep_page oldest_by_author
""".split()
