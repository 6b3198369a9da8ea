package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is the scratch PostgreSQL of a rehearsal.
type server struct {
	*scratch
	binDir    string
	superuser string
	jobs      int
	process   *process // nil while it does not run
}

// settings make the server quick, alone and deaf: what is restored is thrown away, and must reach
// nobody while it lives. They stand on the command line, where nothing that was restored can
// change them.
var settings = []string{
	"listen_addresses=", "max_connections=30", "superuser_reserved_connections=3",
	"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
	"max_wal_size=2GB", "checkpoint_timeout=1h", "shared_buffers=128MB",
	"autovacuum=off", "jit=off", "logging_collector=off", "log_min_messages=fatal", "log_min_error_statement=panic",
	"archive_mode=off", "hot_standby=off", "primary_conninfo=", "primary_slot_name=", "max_logical_replication_workers=0",
	"shared_preload_libraries=", "session_preload_libraries=", "local_preload_libraries=", "ssl=off", "cluster_name=wardround-rehearsal",
	"timezone=UTC", "synchronous_standby_names=", "event_source=", "unix_socket_permissions=0700",
}

// indexMemory is the megabytes that all indexes together may be sorted in at a time.
const indexMemory = 512

// begin makes an empty cluster and starts it.
func (v *server) begin(ctx context.Context) error {
	if err := v.initialize(ctx); err != nil {
		return err
	}
	return v.launch(ctx)
}

// initialize makes an empty cluster.
func (v *server) initialize(ctx context.Context) error {
	return v.run(ctx, program{path: filepath.Join(v.binDir, "initdb"), args: []string{
		"--pgdata=" + v.in("data"), "--no-sync", "--encoding=UTF8", "--locale=C", "--username=" + v.superuser, "--auth=reject",
	}})
}

// launch starts the server and returns once it answers; a cluster that was restored has recovered
// by then.
func (v *server) launch(ctx context.Context) error {
	// Nobody but who may enter the socket's folder gets this far.
	for name, text := range map[string]string{"hba.conf": "local all all trust\n", "ident.conf": "", "server.conf": ""} {
		if err := os.WriteFile(v.in(name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("configure the scratch server: %w", err)
		}
	}
	all := append(slices.Clone(settings), "maintenance_work_mem="+strconv.Itoa(indexMemory/max(1, v.jobs))+"MB", "unix_socket_directories="+v.socket, "data_directory="+v.in("data"),
		"config_file="+v.in("server.conf"), "hba_file="+v.in("hba.conf"), "ident_file="+v.in("ident.conf"))
	args := []string{"-D", v.in("data")}
	for _, setting := range all {
		args = append(args, "-c", setting)
	}
	var err error
	v.process, err = v.start(context.WithoutCancel(ctx), program{path: filepath.Join(v.binDir, "postgres"), args: args})
	if err != nil {
		return err
	}
	return v.answers(ctx)
}

// answers waits until the server lets us in, or has ended.
func (v *server) answers(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := v.connect(ctx, "postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		var stranger *strangerError
		if errors.As(err, &stranger) {
			return err
		}
		select {
		case <-v.process.done:
			return fmt.Errorf("the scratch server ended before it answered: %w", v.process.err)
		case <-ctx.Done():
			return fmt.Errorf("wait for the scratch server: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// strangerError says that the server at the other end is not the one that was started here.
type strangerError struct{}

func (*strangerError) Error() string {
	return "the server that answers is not the one that this rehearsal started"
}

// connect opens a connection and makes sure that it leads to the scratch server.
func (v *server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("connect to the scratch server: %w", err)
	}
	config.Host, config.Port, config.Database, config.User, config.Password = v.socket, 5432, database, v.superuser, ""
	config.Fallbacks, config.TLSConfig = nil, nil
	config.RuntimeParams = map[string]string{"application_name": "wardround-rehearsal"}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the scratch server: %w", err)
	}
	var folder string
	err = conn.QueryRow(ctx, "SHOW data_directory").Scan(&folder)
	if err == nil && folder != v.in("data") {
		err = &strangerError{}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at the scratch server: %w", err), conn.Close(ctx))
	}
	return conn, nil
}

// exec runs one statement on a connection of its own.
func (v *server) exec(ctx context.Context, database, sql string) error {
	conn, err := v.connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// stop ends the server at once: nothing of it is kept.
func (v *server) stop() error {
	if v.process == nil {
		return nil
	}
	err := v.process.cmd.Process.Signal(syscall.SIGQUIT)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case <-v.process.done:
	case <-patience.C:
		err = errors.Join(err, v.process.cmd.Process.Kill())
		<-v.process.done
	}
	v.process = nil
	return err
}

// client are the arguments with which PostgreSQL's programs reach the scratch server.
func (v *server) client(database string) []string {
	return []string{"--host=" + v.socket, "--port=5432", "--username=" + v.superuser, "--dbname=" + database, "--no-password"}
}

func (v *server) version(ctx context.Context, conn *pgx.Conn) (string, error) {
	var text string
	err := conn.QueryRow(ctx, "SHOW server_version").Scan(&text)
	text, _, _ = strings.Cut(text, " ")
	return text, err
}
