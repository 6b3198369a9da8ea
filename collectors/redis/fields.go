package redis

import (
	"slices"

	"github.com/wardround/wardround/collectors"
)

// field says what one field of INFO becomes. A field that a server does not have is left out, and
// so is one below zero, which is how Redis says "never", where the value has no sign.
type field struct {
	info   string             // name in INFO or CLUSTER INFO
	metric *collectors.Metric // with the label node alone
	scale  float64            // INFO's unit in the metric's base unit
	signed bool               // may be below zero and mean it
}

// fields is what is emitted of every server.
var fields = slices.Concat(serverFields, memoryFields, persistenceFields, replicationFields, trafficFields, clusterFields)

// serverFields is about the server and its clients.
var serverFields = []field{
	gauge("uptime_in_seconds", "redis_uptime_in_seconds", "seconds", "Time since the server started"),
	gauge("connected_clients", "redis_connected_clients", "", "Connected clients, replicas left out"),
	gauge("blocked_clients", "redis_blocked_clients", "", "Clients that wait in a blocking command"),
	gauge("maxclients", "redis_max_clients", "", "Clients that may be connected at once"),
	gauge("tracking_clients", "redis_tracking_clients", "", "Clients with client-side caching"),
	gauge("pubsub_clients", "redis_pubsub_clients", "", "Clients that are subscribed to channels"),
	gauge("client_recent_max_input_buffer", "redis_client_recent_max_input_buffer_bytes", "bytes", "Largest query buffer among the clients"),
	gauge("client_recent_max_output_buffer", "redis_client_recent_max_output_buffer_bytes", "bytes", "Largest output buffer among the clients"),
	gauge("io_threads_active", "redis_io_threads_active", "", "Whether threads other than the main one read and write"),
	gauge("hz", "redis_hz", "", "How often each second the server looks after its own affairs now"),
	gauge("configured_hz", "redis_configured_hz", "", "How often each second the server is set to look after its own affairs"),
	gauge("cluster_connections", "redis_cluster_connections", "", "Connections to other nodes of the cluster"),
	gauge("watching_clients", "redis_watching_clients", "", "Clients that watch keys for a transaction"),
	gauge("clients_in_timeout_table", "redis_clients_in_timeout_table", "", "Blocked clients that wait at most some time"),
	gauge("total_watched_keys", "redis_total_watched_keys", "", "Keys watched by clients"),
	gauge("total_blocking_keys", "redis_total_blocking_keys", "", "Keys that clients wait for"),
	gauge("total_blocking_keys_on_nokey", "redis_total_blocking_keys_on_nokey", "", "Keys whose deletion clients wait for"),
	gauge("client_longest_output_list", "redis_client_longest_output_list", "", "Longest list of answers that wait for a client, before Redis 5"),
	gauge("client_biggest_input_buf", "redis_client_biggest_input_buf", "", "Largest query buffer among the clients, before Redis 5"),
	gauge("server_threads", "redis_server_threads", "", "Threads that serve clients, in KeyDB"),
}

func gauge(info, name, unit, help string) field {
	return field{info: info, scale: 1, metric: &collectors.Metric{
		Name: name, Type: collectors.Gauge, Unit: unit, Labels: perNode, Help: help, Source: "INFO " + info,
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
