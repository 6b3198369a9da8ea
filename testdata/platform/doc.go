// Package platform starts the real servers that Wardround watches, on loopback
// and in folders of their own, for tests and for the demo: PostgreSQL with a
// streaming replica, PgBouncer, Redis, Prometheus and Alertmanager, as Debian
// ships them, and a proxy that puts faults on the wire.
//
// Each Start function picks a free port, writes the server's configuration into
// its folder, forks it and returns once it answers. The returned value says
// where it is (Addr, DSN, URL), can hang it (Pause, Resume), end it (Stop, Kill)
// and bring it back (Start).
//
// Nothing outlives its owner. A server is bound to the process that started it
// by a parent-death signal, so that even a killed test leaves nothing running;
// the ForTest functions also stop it and remove its folder when the test ends.
// Only what is started Detached stays: it is in a session of its own, writes a
// pid file into its folder and is ended by Survivors and Survivor.Stop.
package platform
