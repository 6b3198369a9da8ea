package redis

import "github.com/wardround/wardround/collectors"

// What is known of commands.
var (
	metricCommands = &collectors.Metric{
		Name: "redis_commands_total", Type: collectors.Counter, Labels: []string{"node", "cmd"},
		Help: "Calls of a command", Source: "INFO commandstats",
	}
	metricCommandSeconds = &collectors.Metric{
		Name: "redis_commands_duration_seconds_total", Type: collectors.Counter, Unit: "seconds", Labels: []string{"node", "cmd"},
		Help: "CPU time of a command's calls", Source: "INFO commandstats",
	}
	metricCommandRejected = &collectors.Metric{
		Name: "redis_commands_rejected_calls_total", Type: collectors.Counter, Labels: []string{"node", "cmd"},
		Help: "Calls of a command that were refused before it ran", Source: "INFO commandstats",
	}
	metricCommandFailed = &collectors.Metric{
		Name: "redis_commands_failed_calls_total", Type: collectors.Counter, Labels: []string{"node", "cmd"},
		Help: "Calls of a command that failed while it ran", Source: "INFO commandstats",
	}
	metricCommandLatency = &collectors.Metric{
		Name: "redis_commands_latency_seconds", Unit: "seconds", Labels: []string{"node", "cmd", "percentile"},
		Help: "Latency below which this percentage of a command's calls stayed, since the start or the last reset", Source: "INFO latencystats",
	}
	metricCommandLatencyMicros = &collectors.Metric{
		Name: "redis_latency_percentiles_usec", Labels: []string{"node", "cmd", "quantile"},
		Help: "Use redis_commands_latency_seconds", Source: "INFO latencystats",
	}
	metricErrors = &collectors.Metric{
		Name: "redis_errors_total", Type: collectors.Counter, Labels: []string{"node", "err"},
		Help: "Errors answered, by their first word; those of scripts and modules count as other", Source: "INFO errorstats",
	}
	metricSlowlog = &collectors.Metric{
		Name: "redis_slowlog_length", Labels: perNode,
		Help: "Entries of the log of slow commands, which are never read: they hold what clients sent", Source: "SLOWLOG LEN",
	}
	metricSpike = &collectors.Metric{
		Name: "redis_latency_spike_duration_seconds", Unit: "seconds", Labels: []string{"node", "event_name"},
		Help: "How long the last spike of latency of this kind took", Source: "LATENCY LATEST",
	}
	metricSpikeMax = &collectors.Metric{
		Name: "redis_latency_spike_max_seconds", Unit: "seconds", Labels: []string{"node", "event_name"},
		Help: "How long the longest spike of latency of this kind took", Source: "LATENCY LATEST",
	}
	metricSpikeAt = &collectors.Metric{
		Name: "redis_latency_spike_timestamp_seconds", Unit: "seconds", Labels: []string{"node", "event_name"},
		Help: "When the last spike of latency of this kind was", Source: "LATENCY LATEST",
	}
	metricSpikeLast = &collectors.Metric{
		Name: "redis_latency_spike_last", Labels: []string{"node", "event_name"},
		Help: "Use redis_latency_spike_timestamp_seconds", Source: "LATENCY LATEST",
	}
)

// What is known of settings and of keys.
var (
	metricSetting = &collectors.Metric{
		Name: "redis_config_value", Labels: []string{"node", "key"},
		Help: "A setting that is a number, sizes in bytes", Source: "CONFIG GET",
	}
	metricBufferLimit = &collectors.Metric{
		Name: "redis_config_client_output_buffer_limit_bytes", Unit: "bytes", Labels: []string{"node", "class", "limit"},
		Help: "How much may wait for a client of this class; 0 means no limit", Source: "CONFIG GET client-output-buffer-limit",
	}
	metricBufferSeconds = &collectors.Metric{
		Name: "redis_config_client_output_buffer_limit_overcome_seconds", Unit: "seconds", Labels: []string{"node", "class", "limit"},
		Help: "How long a client of this class may be above the soft limit", Source: "CONFIG GET client-output-buffer-limit",
	}
	metricKeySize = &collectors.Metric{
		Name: "redis_key_size", Labels: []string{"node", "db", "key"},
		Help: "Length of a configured key: elements, or bytes of a string; 0 where it does not exist", Source: "LLEN, SCARD, ZCARD, XLEN, HLEN or STRLEN",
	}
	metricKeyExists = &collectors.Metric{
		Name: "redis_key_exists", Labels: []string{"node", "db", "key"},
		Help: "Whether a configured key exists: an empty list or set does not", Source: "TYPE",
	}
)

// What Sentinels say. The node is the Sentinel.
var (
	metricSentinelUp = &collectors.Metric{
		Name: "redis_sentinel_up", Labels: perNode,
		Help: "Whether a Sentinel answers", Source: "SENTINEL MASTER",
	}
	metricSentinelOK = &collectors.Metric{
		Name: "redis_sentinel_master_status", Labels: sentinelLabels,
		Help: "Whether the Sentinel finds the primary well", Source: "SENTINEL MASTER flags",
	}
	metricSentinelQuorum = &collectors.Metric{
		Name: "redis_sentinel_master_ckquorum_status", Labels: []string{"node", "master_name"},
		Help: "Whether enough Sentinels are there to agree on a failover and to make it", Source: "SENTINEL CKQUORUM",
	}
	metricSentinelReplicas = &collectors.Metric{
		Name: "redis_sentinel_master_slaves", Labels: sentinelLabels,
		Help: "Replicas that the Sentinel knows", Source: "SENTINEL REPLICAS",
	}
	metricSentinelReplicasOK = &collectors.Metric{
		Name: "redis_sentinel_master_ok_slaves", Labels: sentinelLabels,
		Help: "Replicas that the Sentinel finds well", Source: "SENTINEL REPLICAS flags",
	}
	metricSentinels = &collectors.Metric{
		Name: "redis_sentinel_master_sentinels", Labels: sentinelLabels,
		Help: "Sentinels that watch the primary, as this one knows, itself included", Source: "SENTINEL SENTINELS",
	}
	metricSentinelsOK = &collectors.Metric{
		Name: "redis_sentinel_master_ok_sentinels", Labels: sentinelLabels,
		Help: "Sentinels that this one finds well, itself included", Source: "SENTINEL SENTINELS flags",
	}
	metricSentinelEpoch = &collectors.Metric{
		Name: "redis_sentinel_master_config_epoch", Labels: sentinelLabels,
		Help: "Grows with each failover; Sentinels that differ disagree about who is the primary", Source: "SENTINEL MASTER config-epoch",
	}
	metricSentinelPing = &collectors.Metric{
		Name: "redis_sentinel_master_last_ok_ping_reply_seconds", Unit: "seconds", Labels: sentinelLabels,
		Help: "Time since the primary last answered the Sentinel well", Source: "SENTINEL MASTER last-ok-ping-reply",
	}
	metricSentinelAgree = &collectors.Metric{
		Name: "redis_sentinel_master_setting_ckquorum", Labels: sentinelLabels,
		Help: "Sentinels that must agree that the primary is down", Source: "SENTINEL MASTER quorum",
	}
	metricSentinelSyncs = &collectors.Metric{
		Name: "redis_sentinel_master_setting_parallel_syncs", Labels: sentinelLabels,
		Help: "Replicas that may be filled by a new primary at once", Source: "SENTINEL MASTER parallel-syncs",
	}
	metricSentinelDownAfter = &collectors.Metric{
		Name: "redis_sentinel_master_setting_down_after_seconds", Unit: "seconds", Labels: sentinelLabels,
		Help: "Silence after which the Sentinel takes the primary for down", Source: "SENTINEL MASTER down-after-milliseconds",
	}
	metricSentinelFailover = &collectors.Metric{
		Name: "redis_sentinel_master_setting_failover_timeout_seconds", Unit: "seconds", Labels: sentinelLabels,
		Help: "Time that a failover may take", Source: "SENTINEL MASTER failover-timeout",
	}
	metricSentinelDownAfterMillis = &collectors.Metric{
		Name: "redis_sentinel_master_setting_down_after_milliseconds", Labels: sentinelLabels,
		Help: "Use redis_sentinel_master_setting_down_after_seconds", Source: "SENTINEL MASTER down-after-milliseconds",
	}
	metricSentinelFailoverMillis = &collectors.Metric{
		Name: "redis_sentinel_master_setting_failover_timeout", Labels: sentinelLabels,
		Help: "Use redis_sentinel_master_setting_failover_timeout_seconds", Source: "SENTINEL MASTER failover-timeout",
	}
)

var sentinelLabels = []string{"node", "master_name", "master_address"}
