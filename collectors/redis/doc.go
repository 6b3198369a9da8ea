// Package redis tells how a Redis is: one server, the servers that Sentinels watch, or all nodes
// of a cluster. Memory and what happens when it is full, persistence, replication, clients,
// commands and how long they take, and how long the keys are that the configuration names. It
// never reads a value: the sessions of people live there.
//
//	Config -> New -> Server
//	Server.Collect: topology (sentinel.go, cluster.go) -> nodes, one kept connection each (link.go)
//	each node, all at once: INFO, SLOWLOG LEN, LATENCY LATEST -> CONFIG GET, CLUSTER INFO, keys (node.go)
//	their answers -> reading -> page: samples and findings, labelled with the node
//
// What each INFO field becomes is data: see the tables in fields.go. Names are redis_exporter's
// wherever they say what the value is; testdata/redis_exporter.tsv says of each of its metrics
// what became of it. Fields that are not known are ignored, those that are not there leave their
// metric out, so that Valkey, KeyDB and versions to come are read as far as they are Redis.
package redis
