// Package redis tells how a Redis server is: memory and what happens when it is full, persistence,
// replication, clients and traffic. It reads INFO and one line of CONFIG, never a key or a value:
// the sessions of people live there.
//
//	Config -> New -> Server (one kept connection)
//	Server.Collect: INFO + CONFIG GET save -> reading -> samples, findings
//
// What each INFO field becomes is data: see the tables in fields.go. Names are redis_exporter's
// wherever they say what the value is.
package redis
