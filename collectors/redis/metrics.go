package redis

import (
	"slices"

	"github.com/wardround/wardround/collectors"
)

// perNode labels what there is one of for each server of a target. The node is the server's
// address where the target has several; of a single server the target says enough.
var perNode = []string{"node"}

// What is more than one number of INFO.
var (
	metricUp = &collectors.Metric{
		Name: "redis_up", Labels: perNode,
		Help: "Whether the server answers", Source: "INFO",
	}
	metricInstance = &collectors.Metric{
		Name:   "redis_instance_info",
		Labels: []string{"node", "role", "redis_version", "redis_mode", "os", "maxmemory_policy", "valkey_version"},
		Help:   "What the server is and how it is set up", Source: "INFO",
	}
	metricPolicy = &collectors.Metric{
		Name: "redis_maxmemory_policy", Labels: []string{"node", "policy"},
		Help: "What the server does when its memory is full: 1 for the policy in force, 0 for the others", Source: "INFO maxmemory_policy",
	}
	metricHeadroom = &collectors.Metric{
		Name: "redis_memory_headroom_bytes", Labels: perNode, Unit: "bytes",
		Help: "Memory left before the limit; absent without a limit", Source: "INFO maxmemory, used_memory, mem_not_counted_for_evict",
	}
	metricStart = &collectors.Metric{
		Name: "redis_start_time_seconds", Labels: perNode, Unit: "seconds",
		Help: "When the server started, by its own clock", Source: "INFO server_time_usec, uptime_in_seconds",
	}

	metricKeys = &collectors.Metric{
		Name: "redis_db_keys", Labels: []string{"node", "db"},
		Help: "Keys in a database", Source: "INFO keyspace",
	}
	metricKeysExpiring = &collectors.Metric{
		Name: "redis_db_keys_expiring", Labels: []string{"node", "db"},
		Help: "Keys in a database that have an end", Source: "INFO keyspace",
	}
	metricTTL = &collectors.Metric{
		Name: "redis_db_avg_ttl_seconds", Unit: "seconds", Labels: []string{"node", "db"},
		Help: "Estimated mean time left of the keys that have an end", Source: "INFO keyspace",
	}

	metricReplicaOffset = &collectors.Metric{
		Name: "redis_connected_slave_offset_bytes", Unit: "bytes",
		Labels: []string{"node", "slave_ip", "slave_port", "slave_state"},
		Help:   "Bytes of replication stream that a replica has confirmed", Source: "INFO slaveN",
	}
	metricReplicaLag = &collectors.Metric{
		Name: "redis_connected_slave_lag_seconds", Unit: "seconds",
		Labels: []string{"node", "slave_ip", "slave_port", "slave_state"},
		Help:   "Time since a replica last confirmed anything", Source: "INFO slaveN",
	}
	metricReplicaBytes = &collectors.Metric{
		Name: "redis_connected_slave_lag_bytes", Unit: "bytes",
		Labels: []string{"node", "slave_ip", "slave_port", "slave_state"},
		Help:   "Bytes of replication stream that a replica has yet to confirm", Source: "INFO master_repl_offset, slaveN",
	}

	metricReplica = &collectors.Metric{
		Name: "redis_slave_info", Labels: []string{"node", "master_host", "master_port", "read_only"},
		Help: "That the server is a replica, and of whom", Source: "INFO replication",
	}
	metricLinkUp = &collectors.Metric{
		Name: "redis_master_link_up", Labels: []string{"node", "master_host", "master_port"},
		Help: "Whether the replica is connected to its primary", Source: "INFO master_link_status",
	}
	metricSyncing = &collectors.Metric{
		Name: "redis_master_sync_in_progress", Labels: []string{"node", "master_host", "master_port"},
		Help: "Whether the replica is being filled by its primary", Source: "INFO master_sync_in_progress",
	}
	metricLastIO = &collectors.Metric{
		Name: "redis_master_last_io_timestamp_seconds", Unit: "seconds", Labels: []string{"node", "master_host", "master_port"},
		Help: "When the replica last heard from its primary", Source: "INFO master_last_io_seconds_ago",
	}
	metricLinkDown = &collectors.Metric{
		Name: "redis_master_link_down_timestamp_seconds", Unit: "seconds", Labels: []string{"node", "master_host", "master_port"},
		Help: "Since when the replica has had no connection to its primary; absent while it has", Source: "INFO master_link_down_since_seconds",
	}
	metricSlaveOffset = &collectors.Metric{
		Name: "redis_slave_repl_offset", Labels: []string{"node", "master_host", "master_port"},
		Help: "Bytes of replication stream that the replica has processed", Source: "INFO slave_repl_offset",
	}
	metricLastIOAge = &collectors.Metric{
		Name: "redis_master_last_io_seconds_ago", Labels: []string{"node", "master_host", "master_port"},
		Help: "Use redis_master_last_io_timestamp_seconds", Source: "INFO master_last_io_seconds_ago",
	}

	metricRDB = &collectors.Metric{
		Name: "redis_rdb_enabled", Labels: perNode,
		Help: "Whether the server writes snapshots by itself", Source: "CONFIG GET save",
	}
	metricRule = &collectors.Metric{
		Name: "redis_rdb_rule_seconds", Labels: perNode, Unit: "seconds",
		Help: "Longest time that the server's own rule leaves changes without a snapshot; absent without a rule", Source: "CONFIG GET save",
	}
	metricDue = &collectors.Metric{
		Name: "redis_rdb_due_timestamp_seconds", Labels: perNode, Unit: "seconds",
		Help: "Since when, or from when on, the server's own rule asks for a snapshot, given the changes; absent while it asks for none", Source: "INFO persistence, CONFIG GET save",
	}
	metricRefused = &collectors.Metric{
		Name: "redis_writes_refused", Labels: []string{"node", "reason"},
		Help: "Whether the server refuses writes for this reason", Source: "INFO, CONFIG GET",
	}
	metricSyncLeft = &collectors.Metric{
		Name: "redis_master_sync_left_bytes", Unit: "bytes", Labels: []string{"node", "master_host", "master_port"},
		Help: "What the primary has yet to send to fill the replica; absent while it is not being filled", Source: "INFO master_sync_left_bytes",
	}
	metricUsedRatio = &collectors.Metric{
		Name: "redis_memory_used_ratio", Unit: "ratio", Labels: []string{"node", "policy"},
		Help: "Share of the limit that is used; absent without a limit. With the policy noeviction a full memory refuses writes", Source: "INFO maxmemory, used_memory, mem_not_counted_for_evict",
	}
	metricGrowth = &collectors.Metric{
		Name: "redis_memory_growth_bytes_per_second", Labels: perNode,
		Help: "How fast used memory grew over the last minutes: the median of the slopes between rounds", Source: "INFO used_memory over the rounds of 15 minutes",
	}
	metricFullIn = &collectors.Metric{
		Name: "redis_memory_full_in_seconds", Unit: "seconds", Labels: perNode,
		Help: "Time until the limit is reached at the growth of the last minutes; absent while memory does not grow or has no limit", Source: "INFO used_memory over the rounds of 15 minutes, maxmemory",
	}
	metricModule = &collectors.Metric{
		Name: "redis_module_info", Labels: []string{"node", "name", "ver"},
		Help: "A module that the server has loaded", Source: "INFO modules",
	}
	metricKeysCached = &collectors.Metric{
		Name: "redis_db_keys_cached", Labels: []string{"node", "db"},
		Help: "Keys of a database that are in memory, in KeyDB", Source: "INFO keyspace",
	}
	metricKeysItems = &collectors.Metric{
		Name: "redis_db_keys_with_expiring_items", Labels: []string{"node", "db"},
		Help: "Keys of a database whose parts have ends of their own", Source: "INFO keyspace",
	}
)

// Metrics is the catalogue of all that this package can emit, redis_exporter's odd names included.
func Metrics() collectors.Catalogue {
	all := collectors.Catalogue{
		metricUp, metricInstance, metricPolicy, metricHeadroom, metricStart, metricKeys, metricKeysExpiring,
		metricTTL, metricReplicaOffset, metricReplicaLag, metricReplicaBytes, metricReplica, metricLinkUp,
		metricSyncing, metricLastIO, metricLinkDown, metricSlaveOffset, metricLastIOAge, metricRDB, metricRule,
		metricDue, metricRefused, metricSyncLeft, metricUsedRatio, metricGrowth, metricFullIn, metricModule,
		metricKeysCached, metricKeysItems, metricCommands, metricCommandSeconds, metricCommandRejected,
		metricCommandFailed, metricCommandLatency, metricCommandLatencyMicros, metricErrors, metricSlowlog,
		metricSpike, metricSpikeMax, metricSpikeAt, metricSpikeLast, metricSetting, metricBufferLimit,
		metricBufferSeconds, metricKeySize, metricKeyExists, metricSentinelUp, metricSentinelOK,
		metricSentinelQuorum, metricSentinelReplicas, metricSentinelReplicasOK, metricSentinels, metricSentinelsOK,
		metricSentinelEpoch, metricSentinelPing, metricSentinelAgree, metricSentinelSyncs, metricSentinelDownAfter,
		metricSentinelFailover, metricSentinelDownAfterMillis, metricSentinelFailoverMillis,
	}
	for _, f := range slices.Concat(fields, sentinelFields, compat) {
		all = append(all, f.metric)
	}
	return all
}
