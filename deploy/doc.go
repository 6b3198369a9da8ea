// Package deploy holds what an installation needs beside the binary: an example configuration, a
// systemd unit, a Compose file, and configurations of Prometheus and Alertmanager. Nothing imports
// it; its tests give every file to the program that reads it.
package deploy
