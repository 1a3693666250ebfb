"""A program that reads one column of a SQLite file with ADBC. Its only argument is a request as JSON.

It writes messages to standard output: the number of rows, the number of bytes, and the bytes. The last one is empty.
"""

import json
import struct
import sys

HEAD = struct.Struct("<QQ")


def read_messages(stream):
    """Yield the bytes and the number of rows of each complete message. Return whether the last one has arrived."""
    while len(head := stream.read(HEAD.size)) == HEAD.size:
        rows, size = HEAD.unpack(head)
        if not size:
            return True
        if len(content := stream.read(size)) == size:
            yield content, rows
    return False


def write_messages(request, output):
    import adbc_driver_sqlite
    import nanoarrow
    from adbc_driver_manager import AdbcConnection, AdbcStatement

    with (
        adbc_driver_sqlite.connect(request["uri"]) as database,
        AdbcConnection(database) as connection,
        AdbcStatement(connection) as statement,
    ):
        statement.set_sql_query(f"PRAGMA busy_timeout = {request['timeout'] * 1000:.0f}")
        statement.execute_query()
        statement.set_options(**{"adbc.sqlite.query.batch_rows": str(request["batch"])})
        statement.set_sql_query(request["sql"])
        statement.bind(one_row(request["params"]))
        stream, _ = statement.execute_query()
        for batch in nanoarrow.c_array_stream(stream):
            if len(batch):
                # The texts of a batch are one piece of memory.
                column = batch.child(0).view()
                starts, text = column.buffer(1), memoryview(column.buffer(2))
                lines = text[starts[0] : starts[len(batch)]]
                output.write(HEAD.pack(len(batch), lines.nbytes))
                output.write(lines)
        output.write(HEAD.pack(0, 0))


def one_row(values):
    """Return the parameters of a query, texts and numbers, as a row of Arrow."""
    import nanoarrow

    types = {str: nanoarrow.string(), float: nanoarrow.float64()}
    columns = [nanoarrow.c_array([value], types.get(type(value), nanoarrow.int64())) for value in values]
    schema = nanoarrow.struct({str(place): column.schema for place, column in enumerate(columns)})
    return nanoarrow.c_array_from_buffers(schema, 1, [None], children=columns)


if __name__ == "__main__":
    try:
        write_messages(json.loads(sys.argv[1]), sys.stdout.buffer)
    except Exception as error:
        sys.exit((str(error).splitlines() or [type(error).__name__])[0])
