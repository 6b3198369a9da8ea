package pgbouncer

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// recording is what the console of a version answers: for each command a line of column names and
// a line of values for each row, apart by tabs.
type recording struct {
	version string
	foreign bool // it is no PgBouncer that answers
	tables  map[string][]string
}

func record(t testing.TB, version string) recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", version+".txt"))
	require.NoError(t, err)
	r := recording{version: version, tables: map[string][]string{}}
	for _, section := range txtar.Parse(text).Files {
		r.tables[section.Name] = strings.Split(strings.TrimSuffix(string(section.Data), "\n"), "\n")
	}
	require.NotEmpty(t, r.tables)
	return r
}

// with is the recording with one row's text replaced by another.
func (r recording) with(t testing.TB, what, old, text string) recording {
	t.Helper()
	joined := strings.Join(r.tables[what], "\n")
	require.Contains(t, joined, old)
	changed := recording{version: r.version, tables: map[string][]string{}}
	for name, lines := range r.tables {
		changed.tables[name] = lines
	}
	changed.tables[what] = strings.Split(strings.Replace(joined, old, text, 1), "\n")
	return changed
}

// asTable reads the lines as the driver would hand them over.
func asTable(lines []string) table {
	result := &pgconn.Result{}
	for _, name := range strings.Split(lines[0], "\t") {
		result.FieldDescriptions = append(result.FieldDescriptions, pgconn.FieldDescription{Name: name})
	}
	for _, line := range lines[1:] {
		var values [][]byte
		for _, value := range strings.Split(line, "\t") {
			values = append(values, []byte(value))
		}
		result.Rows = append(result.Rows, values)
	}
	return newTable(result)
}

func (r recording) reading() *reading {
	read := newReading(r.version)
	for what, lines := range r.tables {
		read.take(what, asTable(lines), nil)
	}
	return read
}

// serve answers like a console of the recording's version, for versions that cannot be had.
func (r recording) serve(t testing.TB) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.answer(conn)
		}
	}()
	return listener.Addr().String()
}

// answer holds one conversation, until the other side ends it.
func (r recording) answer(conn net.Conn) {
	defer conn.Close()
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	says := r.version + "/bouncer"
	if r.foreign {
		says = r.version
	}
	backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: says})
	for {
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if backend.Flush() != nil {
			return
		}
		message, err := backend.Receive()
		query, ok := message.(*pgproto3.Query)
		if err != nil || !ok {
			return
		}
		lines, known := r.tables[strings.TrimPrefix(query.String, "SHOW ")]
		if !known {
			backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "08P01", Message: "invalid command '" + query.String + "', use SHOW HELP;"})
			continue
		}
		send(backend, asTable(lines), lines[0])
	}
}

func send(backend *pgproto3.Backend, t table, names string) {
	var fields []pgproto3.FieldDescription
	for _, name := range strings.Split(names, "\t") {
		fields = append(fields, pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1})
	}
	backend.Send(&pgproto3.RowDescription{Fields: fields})
	for _, values := range t.rows {
		backend.Send(&pgproto3.DataRow{Values: values})
	}
	backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SHOW")})
}

var errLocked = errors.New("no mem")
