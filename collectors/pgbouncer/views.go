package pgbouncer

import "github.com/wardround/wardround/collectors"

// view is one SHOW command whose rows are things with labels and numbers.
type view struct {
	show    string
	labels  []string // columns, in the order of the metrics' labels
	name    string   // the column that names a database as clients ask for it, "" where none does
	columns []column
}

// column says what one column of a view becomes.
type column struct {
	names  []string           // newest first: versions call it differently
	metric *collectors.Metric //
	per    float64            // how many of the column's unit make one of the metric's
	micros string             // the column with its microseconds, if it has whole seconds only
	most   bool               // of rows with the same labels the largest counts, not the sum
	compat *collectors.Metric // what older exporters called it; nil for nothing
}

const micros = 1e6 // in a second

// The views. A PgBouncer with several threads has a row of each: rows with the same labels are one.
var (
	databases = view{
		show: "DATABASES", name: "name",
		labels: []string{"name", "host", "port", "database", "force_user", "pool_mode"},
		columns: []column{
			ofDatabase("pool_size", "", "Server connections that each pool may have", "pool_size"),
			ofDatabase("min_pool_size", "", "Server connections that each pool keeps", "min_pool_size"),
			ofDatabase("reserve_pool", "", "Server connections that a pool may have beyond its size while clients wait", "reserve_pool_size", "reserve_pool"),
			ofDatabase("server_lifetime_seconds", "seconds", "Age at which a server connection is closed once it is free", "server_lifetime"),
			ofDatabase("max_connections", "", "Server connections that all pools of the database may have; 0 means no limit", "max_connections"),
			ofDatabase("current_connections", "", "Server connections of the database", "current_connections"),
			ofDatabase("max_client_connections", "", "Clients that the database may have; 0 means no limit", "max_client_connections"),
			ofDatabase("current_client_connections", "", "Clients of the database", "current_client_connections"),
			ofDatabase("paused", "", "Whether the database is paused: its clients wait", "paused"),
			ofDatabase("disabled", "", "Whether new clients of the database are refused", "disabled"),
		},
	}

	pools = view{
		show: "POOLS", name: "database", labels: []string{"database", "user"},
		columns: []column{
			ofPool("client_active_connections", "Clients that have a server connection or need none now", "cl_active"),
			ofPool("client_waiting_connections", "Clients that wait for a server connection", "cl_waiting"),
			ofPool("client_active_cancel_connections", "Clients whose request to cancel is with the server", "cl_active_cancel_req"),
			ofPool("client_waiting_cancel_connections", "Clients whose request to cancel has not been sent yet", "cl_waiting_cancel_req", "cl_cancel_req"),
			ofPool("server_active_connections", "Server connections that a client has", "sv_active"),
			ofPool("server_active_cancel_connections", "Server connections that carry a request to cancel", "sv_active_cancel"),
			ofPool("server_being_canceled_connections", "Server connections that would be free, but for a request to cancel that is under way", "sv_being_canceled"),
			ofPool("server_idle_connections", "Server connections that are free", "sv_idle"),
			ofPool("server_used_connections", "Server connections that are free, but were so for long enough that they are tested before use", "sv_used"),
			ofPool("server_testing_connections", "Server connections that are being reset or tested", "sv_tested"),
			ofPool("server_login_connections", "Server connections that are being opened", "sv_login"),
			{
				names: []string{"maxwait"}, micros: "maxwait_us", most: true, per: 1,
				metric: gauge("pgbouncer_pools_client_maxwait_seconds", "seconds", "SHOW POOLS maxwait, maxwait_us",
					"How long the client that has waited longest has done so", "database", "user"),
			},
		},
	}

	stats = view{
		show: "STATS", name: "database", labels: []string{"database"},
		columns: []column{
			total("sql_transactions_pooled_total", 1, "", "Transactions", "total_xact_count"),
			total("queries_pooled_total", 1, "", "Statements", "total_query_count", "total_requests"),
			total("server_assignments_total", 1, "", "Times that a client was given a server connection", "total_server_assignment_count"),
			total("client_logins_total", 1, "", "Clients that logged in", "total_client_login_count"),
			total("received_bytes_total", 1, "bytes", "Bytes read from clients and servers", "total_received"),
			total("sent_bytes_total", 1, "bytes", "Bytes written to clients and servers", "total_sent"),
			wrongly("server_in_transaction_seconds", total("server_in_transaction_seconds_total", micros, "seconds", "Time that server connections spent inside transactions", "total_xact_time")),
			wrongly("queries_duration_seconds", total("queries_duration_seconds_total", micros, "seconds", "Time that servers took for statements", "total_query_time")),
			wrongly("client_wait_seconds", total("client_wait_seconds_total", micros, "seconds", "Time that clients waited for a server connection until they got one", "total_wait_time")),
			total("client_parses_total", 1, "", "Statements that clients prepared", "total_client_parse_count"),
			total("server_parses_total", 1, "", "Statements that were prepared on servers", "total_server_parse_count"),
			total("binds_total", 1, "", "Prepared statements that were run", "total_bind_count"),
			total("server_connections_closed_total", 1, "", "Server connections that were closed", "total_server_closed_count"),
			total("server_lifetime_seconds_total", micros, "seconds", "Ages of the server connections that were closed", "total_server_lifetime"),
		},
	}

	// The size of a user's own pools is left out: PgBouncer shows it for the users after it as well.
	users = view{
		show: "USERS", labels: []string{"name"},
		columns: []column{
			ofUser("max_connections", "Server connections that the user may have; 0 means no limit", "max_user_connections"),
			ofUser("current_connections", "Server connections of the user", "current_connections"),
			ofUser("max_client_connections", "Clients that the user may have; 0 means no limit", "max_user_client_connections"),
			ofUser("current_client_connections", "Clients of the user", "current_client_connections"),
		},
	}

	memory = view{
		show: "MEM", labels: []string{"name"},
		columns: []column{
			{names: []string{"memtotal"}, per: 1, metric: gauge("pgbouncer_memory_cache_bytes", "bytes", "SHOW MEM memtotal", "Memory of a cache of PgBouncer's own", "cache")},
			{names: []string{"used"}, per: 1, metric: gauge("pgbouncer_memory_cache_used", "", "SHOW MEM used", "Entries of a cache that are in use", "cache")},
		},
	}
)

// tables are the views that stand for themselves, in the order in which they are asked.
var tables = []view{databases, pools, stats, users, memory}

// lists are the numbers of SHOW LISTS.
var lists = map[string]*collectors.Metric{
	"databases":     list("databases", "Databases"),
	"users":         list("users", "Users"),
	"pools":         list("pools", "Pools: one for each database and user"),
	"peers":         list("peers", "Peers"),
	"peer_pools":    list("peer_pools", "Pools to peers"),
	"free_clients":  list("free_clients", "Clients that there is memory for without asking for more"),
	"used_clients":  metricUsedClients,
	"login_clients": list("login_clients", "Clients that are logging in"),
	"free_servers":  list("free_servers", "Server connections that there is memory for without asking for more"),
	"used_servers":  list("used_servers", "Server connections"),
	"dns_names":     list("cached_dns_names", "Names of hosts that are remembered"),
	"dns_zones":     list("cached_dns_zones", "Zones of names that are remembered"),
	"dns_queries":   list("in_flight_dns_queries", "Names of hosts that are being asked for"),
}

// settings are the numbers of SHOW CONFIG that say how much there may be.
var settings = map[string]*collectors.Metric{
	"max_client_conn":      metricMaxClients,
	"max_user_connections": setting("max_user_connections", "", "Server connections that a user may have; 0 means no limit"),
	"max_db_connections":   setting("max_db_connections", "", "Server connections that a database may have; 0 means no limit"),
	"default_pool_size":    setting("default_pool_size", "", "Server connections that a pool may have"),
	"reserve_pool_size":    setting("reserve_pool_size", "", "Server connections that a pool may have beyond its size while clients wait"),
	"query_wait_timeout":   setting("query_wait_timeout_seconds", "seconds", "How long a client may wait before it is closed; 0 means without end"),
}

func ofDatabase(name, unit, help string, names ...string) column {
	return column{names: names, per: 1, metric: gauge("pgbouncer_databases_"+name, unit, "SHOW DATABASES "+names[0], help,
		"name", "host", "port", "database", "force_user", "pool_mode")}
}

func ofPool(name, help string, names ...string) column {
	return column{names: names, per: 1, metric: gauge("pgbouncer_pools_"+name, "", "SHOW POOLS "+names[0], help, "database", "user")}
}

func ofUser(name, help string, names ...string) column {
	return column{names: names, per: 1, metric: gauge("pgbouncer_users_"+name, "", "SHOW USERS "+names[0], help, "user")}
}

// total declares a counter under today's name, and beside it under the one of older exporters.
func total(name string, per float64, unit, help string, names ...string) column {
	counter := func(name, help string) *collectors.Metric {
		return &collectors.Metric{Name: name, Type: collectors.Counter, Unit: unit, Labels: []string{"database"}, Help: help, Source: "SHOW STATS " + names[0]}
	}
	c := column{names: names, per: per, metric: counter("pgbouncer_stats_totals_"+name, help)}
	c.compat = counter("pgbouncer_stats_"+name, "Use "+c.metric.Name)
	return c
}

// wrongly gives a counter an older name that does not say that it is one.
func wrongly(name string, c column) column {
	c.compat = gauge("pgbouncer_stats_"+name, "seconds", c.metric.Source, "Use "+c.metric.Name, "database")
	return c
}

func list(name, help string) *collectors.Metric {
	return gauge("pgbouncer_"+name, "", "SHOW LISTS", help)
}

func setting(name, unit, help string) *collectors.Metric {
	return gauge("pgbouncer_config_"+name, unit, "SHOW CONFIG", help)
}

func gauge(name, unit, source, help string, labels ...string) *collectors.Metric {
	return &collectors.Metric{Name: name, Unit: unit, Labels: labels, Help: help, Source: source}
}
