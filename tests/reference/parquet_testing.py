"""What pyarrow reads from each .parquet file under a folder, as JSON on standard output.

    python parquet_testing.py DATA/parquet_testing > parquet_testing.json

Run with pyarrow 26.0.1 on Python 3.11.7 (Linux x86-64).

The output is an object by file path relative to the folder. A file that pyarrow.parquet cannot read gives
{"error": "<first 200 characters of pyarrow's message>"}; each file is read in a process of its own with 60 s and
4 GiB of address space, and what kills that process gives {"error": "crash: ..."}. Any other file gives
{"rows": N, "columns": {dotted path of a leaf column: entry}}. Page checksums are not verified (pyarrow's default).

An entry is {"kind", "nulls", "sha256"} for a top-level, not repeated column of one of the kinds below, else
{"kind": "other: <reason>"}. The SHA-256 is of one line of UTF-8 text a row, each ended by \\n; a null is `~`:
  bool       `true` or `false`
  int        decimal: INT32 or INT64, without annotation or annotated as a signed integer
  float      FLOAT or DOUBLE as a float64, its bits as 16 lower-case hex digits, most significant first
  text       json.dumps(value, ensure_ascii=True): BYTE_ARRAY annotated STRING, UTF8 or ENUM, or not annotated;
             `other: not UTF-8` if any value is not valid UTF-8
  date       days since 1970-01-01
  timestamp  ticks since 1970-01-01 in the file's own unit, never shifted; has "unit" (ms, us, ns) and "utc"
             (isAdjustedToUTC). INT96: unit us (floored), utc false; `other: INT96 overflow` if a value does not
             fit, of which pyarrow says nothing: its microseconds then disagree with the seconds that it reads
  decimal    the unscaled integer; has "scale". INT32, INT64 or FIXED_LEN_BYTE_ARRAY
"""
import hashlib, json, resource, signal, struct, subprocess, sys
from pathlib import Path

SECONDS, BYTES = 60, 4 << 30
UNITS = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}


def kind_of(leaf):
    """The entry of a leaf of the Parquet schema, without nulls and sha256."""
    physical, logical = leaf.physical_type, json.loads(leaf.logical_type.to_json())
    name = logical["Type"]
    if leaf.max_repetition_level:
        return {"kind": "other: repeated"}
    if leaf.path != leaf.name:
        return {"kind": "other: nested"}
    if physical == "INT96":
        return {"kind": "timestamp", "unit": "us", "utc": False}
    if name == "Timestamp":
        return {"kind": "timestamp", "unit": UNITS[logical["timeUnit"]], "utc": logical["isAdjustedToUTC"]}
    if name == "Decimal" and physical != "BYTE_ARRAY":
        return {"kind": "decimal", "scale": logical["scale"]}
    if name == "Date":
        return {"kind": "date"}
    if name == "Int" and logical["isSigned"]:
        return {"kind": "int"}
    if physical == "BYTE_ARRAY" and name in ("String", "Enum", "None"):
        return {"kind": "text"}
    plain = {"BOOLEAN": "bool", "INT32": "int", "INT64": "int", "FLOAT": "float", "DOUBLE": "float"}
    if name == "None" and physical in plain:
        return {"kind": plain[physical]}
    if name == "Int":
        return {"kind": f"other: unsigned int{logical['bitWidth']}"}
    return {"kind": f"other: {physical}" if name == "None" else f"other: {name} as {physical}"}


def unscaled(value, scale):
    """The unscaled integer of a Decimal, without rounding."""
    sign, digits, exponent = value.as_tuple()
    assert exponent == -scale
    return (-1 if sign else 1) * int("".join(map(str, digits)))


def values_and_text(kind, column):
    """The values of an arrow column as Python's own, and the function that gives the text of one."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):  # restored by pyarrow from the writer's own Arrow schema
        column = column.cast(column.type.value_type)
    if kind["kind"] == "bool":
        return column.to_pylist(), lambda v: "true" if v else "false"
    if kind["kind"] == "float":
        return column.to_pylist(), lambda v: struct.pack(">d", v).hex()
    if kind["kind"] == "decimal":
        assert column.type.scale == kind["scale"]
        return column.to_pylist(), lambda v: str(unscaled(v, kind["scale"]))
    if kind["kind"] == "text":
        return column.cast(pa.large_binary()).to_pylist(), lambda v: json.dumps(v.decode("utf-8"))
    if kind["kind"] == "date":
        assert column.type == pa.date32()
        column = column.cast(pa.int32())
    if kind["kind"] == "timestamp":
        assert column.type.unit == kind["unit"]
    return column.cast(pa.int64()).to_pylist(), str  # of timestamps and durations: the ticks as they are


def int96_fits(path, name, micros):
    """Whether pyarrow's microseconds of an INT96 column agree with its seconds, which cannot overflow."""
    import pyarrow as pa, pyarrow.parquet as pq

    table = pq.ParquetFile(path, coerce_int96_timestamp_unit="s").read([name], use_threads=False)
    seconds = table.column(0).cast(pa.int64()).to_pylist()
    return seconds == [None if v is None else v // 1_000_000 for v in micros]


def describe(path):
    """The JSON of one file; raises nothing but our own mistakes."""
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
        leaves = [file.schema.column(i) for i in range(len(file.schema))]
        table = file.read(use_threads=False)
    except Exception as error:
        return {"error": (str(error) or repr(error))[:200]}
    columns = {}
    for leaf in leaves:
        assert leaf.path not in columns, "two columns have the same path"
        entry = columns[leaf.path] = kind_of(leaf)
        if entry["kind"].startswith("other"):
            continue
        values, text = values_and_text(entry, table.column(leaf.name))
        if leaf.physical_type == "INT96" and not int96_fits(path, leaf.name, values):
            columns[leaf.path] = {"kind": "other: INT96 overflow"}
            continue
        try:
            lines = "".join(("~" if v is None else text(v)) + "\n" for v in values)
        except UnicodeDecodeError:
            columns[leaf.path] = {"kind": "other: not UTF-8"}
            continue
        entry["nulls"] = sum(v is None for v in values)
        entry["sha256"] = hashlib.sha256(lines.encode()).hexdigest()
    return {"rows": table.num_rows, "columns": columns}


def describe_apart(path):
    """describe(path) in a process of its own, with limits."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    command = [sys.executable, __file__, "--one", str(path)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return {"error": f"crash: not done after {SECONDS} s"}
    if done.returncode < 0:
        return {"error": f"crash: {signal.Signals(-done.returncode).name}"}
    done.check_returncode()  # a mistake of this script: stop
    return json.loads(done.stdout)


if sys.argv[1] == "--one":
    print(json.dumps(describe(sys.argv[2])))
else:
    root = Path(sys.argv[1])
    paths = sorted(p for p in root.rglob("*.parquet") if p.is_file())
    print(json.dumps({p.relative_to(root).as_posix(): describe_apart(p) for p in paths}, sort_keys=True, indent=1))
