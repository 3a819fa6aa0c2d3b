"""SQL that says by which table the rows of a partition go in."""

# Of a row "c" of pg_class; an empty list for a table whose rows go into itself.
FIND_ROOT = """CASE WHEN c.relispartition AND EXISTS (
    SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS a JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a,
           pg_catalog.unnest(p.partclass::pg_catalog.oid[]) AS used JOIN pg_catalog.pg_opclass o ON o.oid = used
    WHERE p.partstrat = 'h' AND o.opcintype = 'pg_catalog.anyenum'::pg_catalog.regtype)
  THEN (SELECT pg_catalog.json_build_array(rn.nspname, r.relname) FROM pg_catalog.pg_class r
        JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = pg_catalog.pg_partition_root(c.oid))
  ELSE '[]' END"""
