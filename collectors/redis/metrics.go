package redis

import "github.com/wardround/wardround/collectors"

// What is more than one number of INFO.
var (
	metricUp = &collectors.Metric{
		Name: "redis_up",
		Help: "Whether the server answers", Source: "INFO",
	}
	metricInstance = &collectors.Metric{
		Name:   "redis_instance_info",
		Labels: []string{"role", "redis_version", "redis_mode", "os", "maxmemory_policy"},
		Help:   "What the server is and how it is set up", Source: "INFO",
	}
	metricPolicy = &collectors.Metric{
		Name: "redis_maxmemory_policy", Labels: []string{"policy"},
		Help: "What the server does when its memory is full: 1 for the policy in force, 0 for the others", Source: "INFO maxmemory_policy",
	}
	metricHeadroom = &collectors.Metric{
		Name: "redis_memory_headroom_bytes", Unit: "bytes",
		Help: "Memory left before the limit; absent without a limit", Source: "INFO maxmemory, used_memory, mem_not_counted_for_evict",
	}
	metricStart = &collectors.Metric{
		Name: "redis_start_time_seconds", Unit: "seconds",
		Help: "When the server started, by its own clock", Source: "INFO server_time_usec, uptime_in_seconds",
	}

	metricKeys = &collectors.Metric{
		Name: "redis_db_keys", Labels: []string{"db"},
		Help: "Keys in a database", Source: "INFO keyspace",
	}
	metricKeysExpiring = &collectors.Metric{
		Name: "redis_db_keys_expiring", Labels: []string{"db"},
		Help: "Keys in a database that have an end", Source: "INFO keyspace",
	}
	metricTTL = &collectors.Metric{
		Name: "redis_db_avg_ttl_seconds", Unit: "seconds", Labels: []string{"db"},
		Help: "Estimated mean time left of the keys that have an end", Source: "INFO keyspace",
	}

	metricReplicaOffset = &collectors.Metric{
		Name: "redis_connected_slave_offset_bytes", Unit: "bytes",
		Labels: []string{"slave_ip", "slave_port", "slave_state"},
		Help:   "Bytes of replication stream that a replica has confirmed", Source: "INFO slaveN",
	}
	metricReplicaLag = &collectors.Metric{
		Name: "redis_connected_slave_lag_seconds", Unit: "seconds",
		Labels: []string{"slave_ip", "slave_port", "slave_state"},
		Help:   "Time since a replica last confirmed anything", Source: "INFO slaveN",
	}
	metricReplicaBytes = &collectors.Metric{
		Name: "redis_connected_slave_lag_bytes", Unit: "bytes",
		Labels: []string{"slave_ip", "slave_port", "slave_state"},
		Help:   "Bytes of replication stream that a replica has yet to confirm", Source: "INFO master_repl_offset, slaveN",
	}

	metricReplica = &collectors.Metric{
		Name: "redis_slave_info", Labels: []string{"master_host", "master_port", "read_only"},
		Help: "That the server is a replica, and of whom", Source: "INFO replication",
	}
	metricLinkUp = &collectors.Metric{
		Name: "redis_master_link_up", Labels: []string{"master_host", "master_port"},
		Help: "Whether the replica is connected to its primary", Source: "INFO master_link_status",
	}
	metricSyncing = &collectors.Metric{
		Name: "redis_master_sync_in_progress", Labels: []string{"master_host", "master_port"},
		Help: "Whether the replica is being filled by its primary", Source: "INFO master_sync_in_progress",
	}
	metricLastIO = &collectors.Metric{
		Name: "redis_master_last_io_timestamp_seconds", Unit: "seconds", Labels: []string{"master_host", "master_port"},
		Help: "When the replica last heard from its primary", Source: "INFO master_last_io_seconds_ago",
	}
	metricLinkDown = &collectors.Metric{
		Name: "redis_master_link_down_timestamp_seconds", Unit: "seconds", Labels: []string{"master_host", "master_port"},
		Help: "Since when the replica has had no connection to its primary; absent while it has", Source: "INFO master_link_down_since_seconds",
	}
	metricSlaveOffset = &collectors.Metric{
		Name: "redis_slave_repl_offset", Labels: []string{"master_host", "master_port"},
		Help: "Bytes of replication stream that the replica has processed", Source: "INFO slave_repl_offset",
	}
	metricLastIOAge = &collectors.Metric{
		Name: "redis_master_last_io_seconds_ago", Labels: []string{"master_host", "master_port"},
		Help: "Use redis_master_last_io_timestamp_seconds", Source: "INFO master_last_io_seconds_ago",
	}

	metricRDB = &collectors.Metric{
		Name: "redis_rdb_enabled",
		Help: "Whether the server writes snapshots by itself", Source: "CONFIG GET save",
	}
	metricRule = &collectors.Metric{
		Name: "redis_rdb_rule_seconds", Unit: "seconds",
		Help: "Longest time that the server's own rule leaves changes without a snapshot; absent without a rule", Source: "CONFIG GET save",
	}
)

// Metrics is the catalogue of all that this package can emit, redis_exporter's odd names included.
func Metrics() collectors.Catalogue {
	all := collectors.Catalogue{
		metricUp, metricInstance, metricPolicy, metricHeadroom, metricStart,
		metricKeys, metricKeysExpiring, metricTTL,
		metricReplicaOffset, metricReplicaLag, metricReplicaBytes,
		metricReplica, metricLinkUp, metricSyncing, metricLastIO, metricLinkDown, metricSlaveOffset, metricLastIOAge,
		metricRDB, metricRule,
	}
	for _, f := range fields {
		all = append(all, f.metric)
	}
	for _, f := range compat {
		all = append(all, f.metric)
	}
	return all
}
