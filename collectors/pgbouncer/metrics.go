package pgbouncer

import "github.com/wardround/wardround/collectors"

// What is more than one column.
var (
	metricUp = gauge("pgbouncer_up", "", "the console",
		"Whether the console answers")
	metricVersion = gauge("pgbouncer_version_info", "", "the console",
		"Version of PgBouncer", "version")
	metricState = gauge("pgbouncer_paused", "", "SHOW STATE",
		"Whether PgBouncer as a whole is paused or suspended: all clients wait")

	metricPoolUsed = gauge("pgbouncer_pools_used", "", "SHOW POOLS",
		"Server connections of the pool that are not free", "database", "user")
	metricPoolRatio = gauge("pgbouncer_pools_used_ratio", "ratio", "SHOW POOLS, SHOW DATABASES",
		"Server connections of the pool that are not free as a share of its size; above 1 while it takes from its reserve", "database", "user")
	metricDatabaseRatio = gauge("pgbouncer_databases_connections_used_ratio", "ratio", "SHOW DATABASES",
		"Server connections of the database as a share of those that it may have; absent without a limit", "name")
	metricDatabaseClientsRatio = gauge("pgbouncer_databases_client_connections_used_ratio", "ratio", "SHOW DATABASES",
		"Clients of the database as a share of those that it may have; absent without a limit", "name")
	metricClientsRatio = gauge("pgbouncer_client_connections_used_ratio", "ratio", "SHOW LISTS, SHOW CONFIG",
		"Clients as a share of those that there may be")
	metricUserRatio = gauge("pgbouncer_users_connections_used_ratio", "ratio", "SHOW USERS",
		"Server connections of the user as a share of those that it may have; absent without a limit", "user")
	metricStrangers = gauge("pgbouncer_databases_unattributed", "", "SHOW DATABASES",
		"Databases that belong to no tenant")

	metricClients = gauge("pgbouncer_clients", "", "SHOW CLIENTS",
		"Clients by what they do; absent where there are too many to list", "database", "user", "state")
	metricServers = gauge("pgbouncer_servers", "", "SHOW SERVERS",
		"Server connections by what they do; absent where there are too many to list", "database", "user", "state")
	metricCloseNeeded = gauge("pgbouncer_servers_close_needed", "", "SHOW SERVERS close_needed",
		"Server connections that will be closed as soon as they are free, because what they lead to was changed", "database", "user")
	metricOldestServer = gauge("pgbouncer_servers_oldest_connect_timestamp_seconds", "seconds", "SHOW SERVERS connect_time",
		"When the oldest server connection was made; absent where PgBouncer's clock is not in UTC", "database", "user")

	metricUsedClients = gauge("pgbouncer_used_clients", "", "SHOW LISTS", "Clients, those of the console included")
	metricMaxClients  = gauge("pgbouncer_config_max_client_connections", "", "SHOW CONFIG", "Clients that there may be")
)

// Metrics is the catalogue of all that this package can emit, names of older exporters included.
func Metrics() collectors.Catalogue {
	all := collectors.Catalogue{
		metricUp, metricVersion, metricState,
		metricPoolUsed, metricPoolRatio, metricDatabaseRatio, metricDatabaseClientsRatio, metricClientsRatio, metricUserRatio,
		metricStrangers, metricClients, metricServers, metricCloseNeeded, metricOldestServer,
	}
	for _, v := range tables {
		for _, c := range v.columns {
			all = append(all, c.metric)
			if c.compat != nil {
				all = append(all, c.compat)
			}
		}
	}
	for _, m := range lists {
		all = append(all, m)
	}
	for _, m := range settings {
		all = append(all, m)
	}
	return collectors.Merge(all)
}
