"""How the conformance suite cuts the backend off from its store."""


def cut_off(connection):
    """As when no node answers: until the connection is opened anew."""
    session = connection.db_connection
    session.pool.close()

    def nowhere(*arguments):
        raise ConnectionLost("The test has cut the connection.")

    session.ask = session.ask_many = session.tell = session.tell_many = nowhere
    session.stream = nowhere
    session.closed = True


from nonrel_backend.riak.client import ConnectionLost  # noqa: E402
