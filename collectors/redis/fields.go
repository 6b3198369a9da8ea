package redis

import "github.com/wardround/wardround/collectors"

// field says what one field of INFO becomes. A field that a server does not have is left out, and
// so is one below zero, which is how Redis says "never", where the value has no sign.
type field struct {
	info   string             // name in INFO
	metric *collectors.Metric // without labels of its own
	scale  float64            // INFO's unit in the metric's base unit
	signed bool               // may be below zero and mean it
}

// fields is what is emitted of every server.
var fields = []field{
	// Server and clients.
	gauge("uptime_in_seconds", "redis_uptime_in_seconds", "seconds", "Time since the server started"),
	gauge("connected_clients", "redis_connected_clients", "", "Connected clients, replicas left out"),
	gauge("blocked_clients", "redis_blocked_clients", "", "Clients that wait in a blocking command"),
	gauge("maxclients", "redis_max_clients", "", "Clients that may be connected at once"),
	gauge("tracking_clients", "redis_tracking_clients", "", "Clients with client-side caching"),
	gauge("pubsub_clients", "redis_pubsub_clients", "", "Clients that are subscribed to channels"),
	gauge("client_recent_max_input_buffer", "redis_client_recent_max_input_buffer_bytes", "bytes", "Largest query buffer among the clients"),
	gauge("client_recent_max_output_buffer", "redis_client_recent_max_output_buffer_bytes", "bytes", "Largest output buffer among the clients"),

	// Memory.
	gauge("used_memory", "redis_memory_used_bytes", "bytes", "Memory that the allocator handed out"),
	gauge("used_memory_rss", "redis_memory_used_rss_bytes", "bytes", "Memory of the process as the operating system counts it"),
	gauge("used_memory_peak", "redis_memory_used_peak_bytes", "bytes", "Most memory ever handed out by the allocator"),
	gauge("used_memory_dataset", "redis_memory_used_dataset_bytes", "bytes", "Memory of the data itself, without overhead"),
	gauge("used_memory_overhead", "redis_memory_used_overhead_bytes", "bytes", "Memory for everything but the data"),
	gauge("used_memory_startup", "redis_memory_used_startup_bytes", "bytes", "Memory taken right after the start"),
	gauge("used_memory_lua", "redis_memory_used_lua_bytes", "bytes", "Memory of the Lua engine"),
	gauge("total_system_memory", "redis_total_system_memory_bytes", "bytes", "Memory of the machine"),
	gauge("maxmemory", "redis_memory_max_bytes", "bytes", "Memory that the data may take; 0 means no limit"),
	gauge("mem_not_counted_for_evict", "redis_mem_not_counted_for_eviction_bytes", "bytes", "Memory that does not count towards the limit"),
	gauge("mem_replication_backlog", "redis_mem_replication_backlog_bytes", "bytes", "Memory of the replication backlog"),
	gauge("mem_clients_slaves", "redis_mem_clients_slaves_bytes", "bytes", "Memory of the replicas' connections"),
	gauge("mem_clients_normal", "redis_mem_clients_normal_bytes", "bytes", "Memory of the clients' connections"),
	gauge("mem_aof_buffer", "redis_mem_aof_buffer_bytes", "bytes", "Memory of the append-only file's buffers"),
	gauge("lazyfree_pending_objects", "redis_lazyfree_pending_objects", "", "Deleted objects whose memory is not free yet"),

	// Fragmentation.
	gauge("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "ratio", "Memory of the process for each byte handed out"),
	signed(gauge("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", "bytes", "Memory of the process beyond what was handed out; below zero while swapped out")),
	gauge("allocator_frag_ratio", "redis_allocator_frag_ratio", "ratio", "Active for each allocated byte: what defragmentation could free"),
	signed(gauge("allocator_frag_bytes", "redis_allocator_frag_bytes", "bytes", "Active beyond allocated bytes")),
	gauge("allocator_rss_ratio", "redis_allocator_rss_ratio", "ratio", "Resident for each active byte of the allocator"),
	signed(gauge("allocator_rss_bytes", "redis_allocator_rss_bytes", "bytes", "Resident beyond active bytes of the allocator")),
	gauge("active_defrag_running", "redis_active_defrag_running", "", "Share of the CPU in percent that defragmentation may take now; 0 while it rests"),

	// Persistence.
	gauge("loading", "redis_loading_dump_file", "", "Whether the server is loading its data and refuses commands"),
	gauge("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save", "", "Changes that the last snapshot does not have"),
	gauge("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "", "Whether a snapshot is being written"),
	gauge("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds", "seconds", "When the last good snapshot was written; the start where none was"),
	gauge("rdb_last_bgsave_status", "redis_rdb_last_bgsave_status", "", "Whether the last snapshot succeeded"),
	gauge("rdb_last_bgsave_time_sec", "redis_rdb_last_bgsave_duration_seconds", "seconds", "How long the last snapshot took"),
	gauge("rdb_current_bgsave_time_sec", "redis_rdb_current_bgsave_duration_seconds", "seconds", "How long the snapshot under way has taken"),
	gauge("rdb_last_cow_size", "redis_rdb_last_cow_size_bytes", "bytes", "Memory copied while the last snapshot was written"),
	counter("rdb_saves", "redis_rdb_saves_total", "", "Snapshots written since the start"),
	gauge("aof_enabled", "redis_aof_enabled", "", "Whether writes go to an append-only file"),
	gauge("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", "", "Whether the append-only file is being rewritten"),
	gauge("aof_last_rewrite_time_sec", "redis_aof_last_rewrite_duration_seconds", "seconds", "How long the last rewrite took"),
	gauge("aof_current_rewrite_time_sec", "redis_aof_current_rewrite_duration_seconds", "seconds", "How long the rewrite under way has taken"),
	gauge("aof_last_bgrewrite_status", "redis_aof_last_bgrewrite_status", "", "Whether the last rewrite of the append-only file succeeded"),
	gauge("aof_last_write_status", "redis_aof_last_write_status", "", "Whether the last write to the append-only file succeeded"),
	gauge("aof_current_size", "redis_aof_current_size_bytes", "bytes", "Size of the append-only file"),
	gauge("aof_base_size", "redis_aof_base_size_bytes", "bytes", "Size of the append-only file after its last rewrite or at the start"),
	gauge("aof_pending_bio_fsync", "redis_aof_pending_bio_fsync", "", "Jobs that wait to flush the append-only file"),
	counter("aof_delayed_fsync", "redis_aof_delayed_fsync_total", "", "Writes that had to wait for a flush of the append-only file"),
	scaled(1e-6, gauge("latest_fork_usec", "redis_latest_fork_duration_seconds", "seconds", "How long the last fork stopped the server")),

	// Replication, both sides.
	gauge("connected_slaves", "redis_connected_slaves", "", "Connected replicas"),
	gauge("master_repl_offset", "redis_master_repl_offset", "", "Bytes of replication stream that the primary, or this replica, is at"),
	gauge("slave_priority", "redis_slave_priority", "", "Priority for becoming primary; 0 means never"),
	gauge("repl_backlog_active", "redis_repl_backlog_is_active", "", "Whether there is a replication backlog"),
	gauge("repl_backlog_size", "redis_replication_backlog_bytes", "bytes", "Size that the replication backlog may have"),
	gauge("repl_backlog_histlen", "redis_repl_backlog_history_bytes", "bytes", "Replication stream that the backlog holds"),
	counter("sync_full", "redis_replica_resyncs_full_total", "", "Full resynchronisations of replicas"),
	counter("sync_partial_ok", "redis_replica_partial_resync_accepted_total", "", "Partial resynchronisations accepted"),
	counter("sync_partial_err", "redis_replica_partial_resync_denied_total", "", "Partial resynchronisations denied"),

	// Traffic and keys.
	counter("total_connections_received", "redis_connections_received_total", "", "Connections accepted"),
	counter("rejected_connections", "redis_rejected_connections_total", "", "Connections refused because there were too many"),
	counter("total_commands_processed", "redis_commands_processed_total", "", "Commands processed"),
	counter("total_error_replies", "redis_error_replies_total", "", "Commands answered by an error"),
	counter("total_net_input_bytes", "redis_net_input_bytes_total", "bytes", "Bytes read from clients and replicas"),
	counter("total_net_output_bytes", "redis_net_output_bytes_total", "bytes", "Bytes written to clients and replicas"),
	counter("keyspace_hits", "redis_keyspace_hits_total", "", "Reads of a key that was there"),
	counter("keyspace_misses", "redis_keyspace_misses_total", "", "Reads of a key that was not there"),
	counter("expired_keys", "redis_expired_keys_total", "", "Keys removed because their time was over"),
	counter("expired_time_cap_reached_count", "redis_expired_time_cap_reached_total", "", "Rounds of expiry that ran out of time"),
	scaled(0.01, gauge("expired_stale_perc", "redis_expired_stale_ratio", "ratio", "Estimated share of keys whose time is over but which are still there")),
	counter("evicted_keys", "redis_evicted_keys_total", "", "Keys removed because the memory was full"),
	counter("evicted_clients", "redis_evicted_clients_total", "", "Clients closed because their buffers took too much memory"),
	scaled(1e-3, counter("total_eviction_exceeded_time", "redis_eviction_exceeded_seconds_total", "seconds", "Time during which memory was above its limit")),
	counter("acl_access_denied_auth", "redis_acl_access_denied_auth_total", "", "Logins refused"),
	counter("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total", "", "Commands refused because the user may not use them"),
	counter("acl_access_denied_key", "redis_acl_access_denied_key_total", "", "Commands refused because the user may not use the key"),
	counter("acl_access_denied_channel", "redis_acl_access_denied_channel_total", "", "Commands refused because the user may not use the channel"),
	counter("used_cpu_sys", "redis_cpu_sys_seconds_total", "seconds", "CPU time in the kernel"),
	counter("used_cpu_user", "redis_cpu_user_seconds_total", "seconds", "CPU time outside the kernel"),
	counter("used_cpu_sys_children", "redis_cpu_sys_children_seconds_total", "seconds", "CPU time in the kernel of snapshots and rewrites"),
	counter("used_cpu_user_children", "redis_cpu_user_children_seconds_total", "seconds", "CPU time outside the kernel of snapshots and rewrites"),
}

// compat is what redis_exporter calls some of the fields above, emitted beside them on request:
// units that are no base units, counters that do not say so.
var compat = []field{
	gauge("rdb_last_bgsave_time_sec", "redis_rdb_last_bgsave_duration_sec", "", "Use redis_rdb_last_bgsave_duration_seconds"),
	gauge("rdb_current_bgsave_time_sec", "redis_rdb_current_bgsave_duration_sec", "", "Use redis_rdb_current_bgsave_duration_seconds"),
	gauge("aof_last_rewrite_time_sec", "redis_aof_last_rewrite_duration_sec", "", "Use redis_aof_last_rewrite_duration_seconds"),
	gauge("aof_current_rewrite_time_sec", "redis_aof_current_rewrite_duration_sec", "", "Use redis_aof_current_rewrite_duration_seconds"),
	gauge("aof_delayed_fsync", "redis_aof_delayed_fsync", "", "Use redis_aof_delayed_fsync_total"),
	gauge("latest_fork_usec", "redis_latest_fork_usec", "", "Use redis_latest_fork_duration_seconds"),
	gauge("sync_full", "redis_replica_resyncs_full", "", "Use redis_replica_resyncs_full_total"),
	gauge("sync_partial_ok", "redis_replica_partial_resync_accepted", "", "Use redis_replica_partial_resync_accepted_total"),
	gauge("sync_partial_err", "redis_replica_partial_resync_denied", "", "Use redis_replica_partial_resync_denied_total"),
	gauge("total_error_replies", "redis_total_error_replies", "", "Use redis_error_replies_total"),
	gauge("expired_stale_perc", "redis_expired_stale_percentage", "", "Use redis_expired_stale_ratio"),
	counter("total_eviction_exceeded_time", "redis_eviction_exceeded_time_ms_total", "", "Use redis_eviction_exceeded_seconds_total"),
	gauge("mem_clients_slaves", "redis_mem_clients_slaves", "", "Use redis_mem_clients_slaves_bytes"),
	gauge("mem_clients_normal", "redis_mem_clients_normal", "", "Use redis_mem_clients_normal_bytes"),
}

func gauge(info, name, unit, help string) field {
	return field{info: info, scale: 1, metric: &collectors.Metric{
		Name: name, Type: collectors.Gauge, Unit: unit, Help: help, Source: "INFO " + info,
	}}
}

func counter(info, name, unit, help string) field {
	f := gauge(info, name, unit, help)
	f.metric.Type = collectors.Counter
	return f
}

func scaled(by float64, f field) field {
	f.scale = by
	return f
}

func signed(f field) field {
	f.signed = true
	return f
}
